"""The law of `applies`, by which gradient steps, regularizers and constraints choose parameters."""

from __future__ import annotations

from functools import partial

from bpframe.protocols import Applies
from bpframe.testing.laws.comparison import require
from bpframe.testing.laws.trajectory import param_of
from bpframe.testing.report import Check


def applies_checks(component: object) -> dict[str, Check]:
    """The check of `applies`, if the component has it."""
    return {"applies": partial(_applies, component)} if isinstance(component, Applies) else {}


def _applies(component: Applies) -> None:
    """True or false for any parameter, and true for some."""
    answers = [component.applies(param_of(shape)) for shape in ((4, 3), (5,), (1,))]
    require(all(isinstance(answer, bool) for answer in answers), f"applies must say True or False, got {answers}")
    require(any(answers), "applies must be true for some parameter: it acts neither on weights nor on a bias")
