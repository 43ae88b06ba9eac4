"""Comparisons are right as often as they say: a worse rule is found, two names of one rule are not told apart.

Each repeat has tuning points and seeds of its own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bpframe import studies
from bpframe.registry import registry
from bpframe.registry.plugin_files import _FINDER, declare
from bpframe.studies.rule_comparison import Comparison
from tests.studies.tiny import EVERY_OTHER, TWIN, plant, tiny


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_FINDER, "files", {})
    monkeypatch.setattr(registry, "_local", dict(registry._local))
    plant(monkeypatch, tiny(epochs=8))
    for name, text in {"half.py": EVERY_OTHER, "twin.py": TWIN}.items():
        (tmp_path / name).write_text(text)
        declare(registry, tmp_path / name)
    return tmp_path


def overall(folder: Path, other: str, repeat: int, offsets: tuple[int, int], studies_each: int = 9) -> dict[str, Any]:
    """What a comparison of adam with another rule says of that, with points and seeds after those of other repeats."""
    rules = [
        replace(studies.parse_contestant(name), offset=offset)
        for name, offset in zip(("adam", other), offsets, strict=True)
    ]
    comparison = Comparison(rules, workloads=("tiny",), studies=studies_each, seeds=1, horizons=(4,), diagnoses=())
    file = studies.run_comparison(comparison, folder / f"{other}-{repeat}.jsonl")
    summary = studies.comparison_summary(file.records())
    found: dict[str, Any] = next(rule["overall"] for rule in summary["rules"] if rule["title"] == other)
    return found


def test_adam_that_leaves_out_every_second_update_needs_twice_the_steps(folder: Path) -> None:
    found = overall(folder, "half_adam", 0, (0, 0), studies_each=6)
    assert found["ratio"] > 1
    assert found["low"] <= 2 <= found["high"]


def test_adam_under_another_name_is_the_same_to_the_last_bit_with_the_same_points_and_seeds(folder: Path) -> None:
    found = overall(folder, "twin", 0, (0, 0), studies_each=6)
    assert (found["low"], found["ratio"], found["high"], found["difference"]) == (1, 1, 1, False)


@pytest.mark.slow
def test_the_planted_rule_is_ranked_below_adam_and_its_ratio_covers_2_in_19_of_20_repeats(folder: Path) -> None:
    found = [overall(folder, "half_adam", k, (k, k)) for k in range(20)]
    assert sum(each["ratio"] > 1 for each in found) >= 19
    assert sum(each["low"] <= 2 <= each["high"] for each in found) >= 19


@pytest.mark.slow
def test_adam_under_another_name_is_told_apart_in_at_most_10_of_100_repeats(folder: Path) -> None:
    found = [overall(folder, "twin", k, (2 * k, 2 * k + 1)) for k in range(100)]
    assert sum(each["difference"] for each in found) <= 10
