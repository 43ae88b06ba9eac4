"""The length of a schedule, which may be left open until the run is known."""

from __future__ import annotations

from bpframe.plugin import ConfigError


def known(owner: str, **length: int | None) -> int:
    """The one length, a number of updates; ConfigError while it is open."""
    ((name, updates),) = length.items()
    if updates is None:
        raise ConfigError(f"{owner} needs {name}, got None. Give a number of updates; inside fit it is the whole run.")
    return updates


def part(owner: str, step: int, steps: int | None) -> float:
    """How much of `steps` updates is done, in [0, 1]; stays at 1 after them."""
    return min(step / known(owner, steps=steps), 1.0)
