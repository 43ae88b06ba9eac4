"""Checks of the inner schedule of schedules that wrap another."""

from __future__ import annotations

from bpframe.plugin import ConfigError, Over, Schedule, monitored_curves


def fitted(schedule: Schedule, steps: int) -> Schedule:
    """The schedule with a length that was left open set to `steps`, at least 1."""
    return schedule.over(max(steps, 1)) if isinstance(schedule, Over) else schedule


def without_memory(owner: str, schedule: Schedule) -> None:
    """ConfigError for a schedule that follows a curve of the history, which in there nobody would show it."""
    if curves := monitored_curves(schedule):
        raise ConfigError(
            f"{owner} needs schedules of the step alone, but {schedule!r} follows {', '.join(sorted(curves))}. "
            f"Put {owner} inside of what follows a curve, not around it."
        )
