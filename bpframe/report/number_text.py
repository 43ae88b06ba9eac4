"""The text of a number, as reports have it."""

from __future__ import annotations

import math


def number_text(value: float) -> str:
    """A number in four digits: "0.1234", "12,345", "1.2e-05"."""
    if not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:.4g}"
