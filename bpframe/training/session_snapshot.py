"""A snapshot of a session: all of its state in host memory, for copies and pickles of a trainer.

A session itself holds compiled programs, threads and memory of a device, which no other process can have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bpframe.protocols import Session
from bpframe.types import HostArray


class SessionSnapshot(NamedTuple):
    """Parameters, buffers and what rules remember, by name; how many steps were made.

    `epochs`: after how many each epoch ended, where that is asked for.
    """

    arrays: Mapping[str, HostArray]
    step: int
    epochs: Sequence[int] = ()

    @classmethod
    def of(cls, session: Session) -> SessionSnapshot:
        """The session as it is now."""
        return cls(session.snapshot(), session.step)

    def restored(self, session: Session) -> Session:
        """The session, new and of the same parts, in this state."""
        session.restore(self.arrays, self.step)
        return session
