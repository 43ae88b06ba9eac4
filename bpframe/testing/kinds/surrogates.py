"""Surrogates: slopes that are meant not to be the gradient of a value, as in a straight-through estimate."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from bpframe.protocols.traits import surrogate_of
from bpframe.testing.laws.comparison import require
from bpframe.testing.members import SLOPES
from bpframe.testing.report import Check, Remark, SkipCheck


def surrogate_checks(component: object, checks: Iterable[str]) -> dict[str, Check]:
    """Where the component declares a surrogate: a check of that, and those of these checks that it leaves out."""
    why = surrogate_of(component)
    if why is None:
        return {}
    return {"surrogate": partial(_remark, why)} | {name: _skip for name in checks if name in SLOPES}


def _remark(why: object) -> None:
    """It says why."""
    right = isinstance(why, str) and why.strip()
    require(right, f"surrogate must say in words why the slope is not the gradient, got {why!r}")
    raise Remark(f"its slope is meant not to be the gradient: {why}")


def _skip() -> None:
    raise SkipCheck("its slope is meant not to be the gradient")
