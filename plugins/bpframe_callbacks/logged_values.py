"""Logged values: the numbers of an epoch that loggers write, and the libraries by which some do."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from bpframe.plugin import ConfigError, RunState

NAME = re.compile(r"[^\w\-. /]")  # what stands in no name of a number, for any of these libraries


def numbers_of_epoch(state: RunState, epoch: int) -> dict[str, float]:
    """The curves of an epoch (from 0) by whole name, "validation.loss", with learning rate and seconds.

    What is not finite, or has no value, is left out.
    """
    row = state.history.row(epoch)
    found = {name: value for name, value in row.items() if name not in ("epoch", "step") and value is not None}
    return {NAME.sub("_", name): float(value) for name, value in found.items() if math.isfinite(value)}


def is_due(state: RunState, every: int) -> bool:
    """Whether the latest epoch is one of each `every`."""
    return len(state.history) % every == 0


def import_for(callback: str, extra: str, load: Callable[[], Any]) -> Any:
    """What `load` imports; ConfigError that names the extra where it is not installed."""
    try:
        return load()
    except ImportError as cause:
        remedy = f'Install it: pip install "bpframe[{extra}]".'
        raise ConfigError(f"{callback} needs a library that is not installed ({cause}). {remedy}") from cause
