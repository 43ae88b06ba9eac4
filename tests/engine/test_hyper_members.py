"""Every member of h besides settings has its line in the reference; one that is not there is asked for in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.hyper_members import MEANINGS
from bpframe.engine.hyperparameters import KNOWN

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "h.md"


@dataclass(frozen=True)
class Outer:
    """A rule around another one, whose annotation does not say so."""

    inner: object
    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> Any:
        return {}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return p - h.inner.lr * g, state


def test_every_member_of_h_has_a_meaning_and_stands_on_its_page():
    assert KNOWN.keys() <= MEANINGS.keys()
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in KNOWN if f"| `h.{name}` | {MEANINGS[name][0]} |" not in page] == []


def test_a_member_that_h_lacks_is_named_with_what_an_argument_needs():
    trainer: Any = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", Outer(bp.optimizers.adam()))
    with pytest.raises(AttributeError, match=r"annotated as float, or as a component .* for 'inner'; it has h.step"):
        trainer.fit(np.ones((4, 2)), np.ones(4))
