"""The two clocks of a step: batches, and updates, of which there are fewer behind a gradient step that gathers.

Gradient steps that gather, and what stands before them, run at every batch; what follows them, the rule too, at every
update. Counts may be numbers or, in a compiled step, traced integers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bpframe.protocols import Periodic
from bpframe.protocols.implements import implements


def due_update(gradient_steps: Iterable[Any], step: Any) -> tuple[Any, Any]:
    """(whether the batch that follows `step` batches ends in an update, how many updates were made before that one)."""
    due: Any = True
    for period in periods(gradient_steps):
        due, step = due & ((step + 1) % period == 0), (step + 1) // period - 1
    return due, step


def rule_step(gradient_steps: Iterable[Any], step: Any) -> Any:
    """How many updates a rule has made when `step` steps were: fewer, where a gradient step gathers several."""
    return due_update(gradient_steps, step)[1]


def updates_made(gradient_steps: Iterable[Any], steps: int) -> int:
    """How many updates have ended when `steps` batches have."""
    return int(rule_step(gradient_steps, steps - 1)) + 1


def acting_counts(gradient_steps: Iterable[Any], steps: int) -> list[int]:
    """How many times each gradient step acts in `steps` batches, and, last, what follows them.

    At least once: a schedule is asked for a value even where a run is too short for an update.
    """
    counts = [steps]
    for part in gradient_steps:
        counts.append(counts[-1] // part.period if implements(part, Periodic) else counts[-1])
    return [max(1, count) for count in counts]


def periods(gradient_steps: Iterable[Any]) -> list[int]:
    """The period of each gradient step that gathers."""
    return [part.period for part in gradient_steps if implements(part, Periodic)]
