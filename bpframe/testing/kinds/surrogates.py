"""Surrogates: slopes that are meant not to be the gradient of a value, as in a straight-through estimate.

Laws of slopes are tried all the same: a surrogate may be the gradient in most places. Where one is not kept, nothing is
proven, and nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from bpframe.errors import CheckFailed
from bpframe.protocols.traits import surrogate_of
from bpframe.testing.laws.comparison import require
from bpframe.testing.members import SLOPES
from bpframe.testing.report import Check, Remark, SkipCheck, Unproven

DOWNHILL = ("point", "drawn targets")  # checks that follow a slope, or ask for its mean


def surrogate_checks(component: object, checks: Mapping[str, Check]) -> dict[str, Check]:
    """Where the component declares a surrogate: a check of that, and those of these checks that bear on slopes."""
    why = surrogate_of(component)
    if why is None:
        return {}
    left_out = {name: partial(_or_skip, check) for name, check in checks.items() if name in SLOPES}
    unproven = {name: partial(_or_unproven, check) for name, check in checks.items() if name in DOWNHILL}
    return {"surrogate": partial(_remark, why), **left_out, **unproven}


def _remark(why: object) -> None:
    """It says why."""
    right = isinstance(why, str) and why.strip()
    require(right, f"surrogate must say in words why the slope is not the gradient, got {why!r}")
    raise Remark(f"its slope is meant not to be the gradient: {why}")


def _or_skip(check: Check) -> None:
    try:
        check()
    except CheckFailed as error:
        raise SkipCheck("its slope is meant not to be the gradient") from error


def _or_unproven(check: Check) -> None:
    try:
        check()
    except CheckFailed as error:
        raise Unproven(f"its slope is a surrogate, with which this law need not hold: {error}") from error
