"""Exclusive use of a trainer: a second fit is refused while one runs."""

from __future__ import annotations

from threading import Lock
from typing import Any, final

from bpframe.errors import ConfigError


@final
class ExclusiveUse:
    """A block that one thread at a time may be in; ConfigError for a second one, the same thread's included."""

    def __init__(self) -> None:
        self._lock = Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise ConfigError("Trainer needs one fit to end before another begins. Give each thread its own trainer.")

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __reduce__(self) -> Any:
        return ExclusiveUse, ()  # a copy is not in use
