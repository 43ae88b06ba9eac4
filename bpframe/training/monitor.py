"""Monitored curves of the history: which of their values are better."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, final

from bpframe.errors import ConfigError
from bpframe.protocols.traits import monitor_of
from bpframe.registry import registry
from bpframe.registry.describe import short_name


@final
class MonitoredCurve(list[float]):
    """The values of a curve so far; `best` says which are better: "min", "max", or None where that is not known."""

    def __init__(self, values: Iterable[float], best: str | None) -> None:
        super().__init__(values)
        self.best = best


def monitor_direction(owner: str, monitor: str, mode: str | None, curves: Mapping[str, str | None]) -> str:
    """Which values of the curve `monitor` are better, "min" or "max": its own direction, or `mode` where it has none.

    `curves`: every curve of the run with its direction. ConfigError to `owner`, "early_stopping", for a curve that the
    run has not, a mode that contradicts the curve, or a direction that nobody knows.
    """
    require_curve(owner, monitor, curves)
    known = curves[monitor]
    if mode is not None and known is not None and mode != known:
        way = "falls" if known == "min" else "rises"
        raise ConfigError(f"{owner} has mode {mode!r}, but '{monitor}' is better when it {way}. Leave mode out.")
    if mode is None and known is None:
        raise ConfigError(f"{owner} needs to know whether '{monitor}' is to fall or rise. Set mode.")
    return str(mode or known)


def require_curve(owner: str, monitor: str, curves: Mapping[str, str | None]) -> None:
    """ConfigError to `owner` for a curve that the run will not have."""
    if monitor not in curves:
        remedy = " Give the fit validation data." if monitor.startswith("validation.") else ""
        raise ConfigError(f"{owner} monitors '{monitor}', but the run has {', '.join(curves)}.{remedy}")


def watchers(callbacks: Iterable[Any], schedules: Iterable[Any]) -> dict[str, str]:
    """Callbacks and schedules that wait for a curve to improve, by name, with that curve."""
    each = [("callback", part, monitor_of(part)) for part in callbacks]
    each += [("schedule", part, part.monitor) for part in schedules]
    return {short_name(registry, kind, part): curve for kind, part, curve in each if curve is not None}


def lower(value: float, best: float | None, min_delta: float = 0.0) -> bool:
    """Whether a value is below the best so far by more than `min_delta`; one that is not finite never is."""
    return math.isfinite(value) and (best is None or math.isnan(best) or value < best - min_delta)
