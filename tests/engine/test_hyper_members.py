"""Every member of h besides settings has its line in the reference."""

from __future__ import annotations

from pathlib import Path

from bpframe.engine.hyper_members import MEANINGS
from bpframe.engine.hyperparameters import KNOWN

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "h.md"


def test_every_member_of_h_has_a_meaning_and_stands_on_its_page():
    assert KNOWN.keys() <= MEANINGS.keys()
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in KNOWN if f"| `h.{name}` | {MEANINGS[name][0]} |" not in page] == []
