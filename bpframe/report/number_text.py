"""The text of a number, as reports have it: values, ratios, steps and seconds."""

from __future__ import annotations

import math

MISS = "never"


def number_text(value: float) -> str:
    """A number in four digits: "0.1234", "12,345", "1.2e-05"."""
    if not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    return f"{value:.4g}"


def ratio_text(value: float | None) -> str:
    """A number in three digits; "never" of infinity, "-" of none."""
    if value is None or math.isnan(value):
        return "-"
    return MISS if math.isinf(value) else f"{value:.3g}"


def steps_text(value: float) -> str:
    """Steps as a whole number; "never" of infinitely many, "-" of none."""
    return ratio_text(value) if not math.isfinite(value) else f"{value:.0f}"


def seconds_text(value: float) -> str:
    """Seconds in three digits of s, ms or us; "-" where there are none."""
    if not math.isfinite(value):
        return "-"
    scale, unit = (1, "s") if value >= 1 else (1e3, "ms") if value >= 1e-3 else (1e6, "us")
    return f"{value * scale:.3g} {unit}"
