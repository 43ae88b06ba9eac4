"""Plain settings in formulas: numbers of a component, which are arrays without axes where a schedule moves them."""

from __future__ import annotations

import math
from typing import Any

from bpframe.ops.host import namespace


def is_constant(setting: Any, number: float) -> bool:
    """Whether a setting is that plain number; False where a schedule moves it on an engine that compiles.

    For a shortcut that saves work; `if` on a setting itself asks a compiled step for a value that it does not know.
    """
    return type(setting) in (int, float) and setting == number


def square_root(setting: Any) -> Any:
    """Its square root, in float64 of a plain number."""
    return math.sqrt(setting) if isinstance(setting, int | float) else namespace(setting).sqrt(setting)
