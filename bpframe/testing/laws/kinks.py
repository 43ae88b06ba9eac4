"""Slopes at kinks: a derivative there must lie between the slopes on either side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.types import HostArray

EPS = 1e-6
SLACK = 1e-5  # relative error of a slope by curvature and rounding


def one_sided_slopes(function: Callable[[HostArray], Any], x: HostArray, d: HostArray) -> tuple[HostArray, HostArray]:
    """(slopes just behind x, slopes just ahead of it) along d, shape of function(x).

    Each from two points on one side, so that a jump of the value at x does not matter.
    """
    far, near, beyond, after = (np.asarray(function(x + k * EPS * d)) for k in (-2, -1, 1, 2))
    return (near - far) / EPS, (after - beyond) / EPS


def slope_jumps(behind: HostArray, ahead: HostArray) -> HostArray:
    """Whether the two slopes differ by more than rounding and curvature can explain, elementwise."""
    return np.asarray(np.abs(ahead - behind) > 10 * _slack(behind, ahead))


def require_subgradient(
    name: str, slope: Any, behind: HostArray, ahead: HostArray, where: Callable[[Any], str]
) -> None:
    """CheckFailed unless each slope lies between its two one-sided slopes; `where` describes an index."""
    slope = np.asarray(slope)
    slack = _slack(behind, ahead)
    low, high = np.minimum(behind, ahead) - slack, np.maximum(behind, ahead) + slack
    outside = np.argwhere(~((slope >= low) & (slope <= high)))
    if len(outside):
        at = tuple(int(i) for i in outside[0])
        raise CheckFailed(
            f"{name} {where(at)} must lie between the slopes on either side, {behind[at]:.6g} and {ahead[at]:.6g}, "
            f"got {slope[at]:.6g}"
        )


def _slack(behind: HostArray, ahead: HostArray) -> HostArray:
    return np.asarray(SLACK * np.maximum(1.0, np.maximum(np.abs(behind), np.abs(ahead))))
