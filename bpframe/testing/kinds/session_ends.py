"""The law of sessions that keep the ends of epochs (`SessionEnds`).  Shapes: x (N, n)."""

from __future__ import annotations

from collections.abc import Callable

from bpframe.protocols import Batches, Session, SessionEnds
from bpframe.testing.laws.comparison import require, require_same_bits
from bpframe.types import HostArray

Opened = Callable[[], tuple[Session, Batches]]  # another session each time, with its data and many epochs


def require_ends(opened: Opened, x: HostArray) -> None:
    """What is shown of an end is what a session has there that makes one epoch after the other, and so is a way back.

    The present comes back when nothing is shown; steps that are made again have the losses that they had.
    """
    session, batches = opened()
    plain, _ = opened()
    if not isinstance(session, SessionEnds):
        return
    shown: list[int] = []
    losses: list[float] = []
    while len(losses) < len(batches):
        shown = []
        losses += map(float, session.run(batches, len(losses), len(batches)).loss)
        present = session.parameters
        for end in range(plain.step + batches.steps, len(losses) + 1, batches.steps):
            while plain.step < end:
                plain.run(batches, plain.step, end)
            require(session.show_end(end), f"show_end({end}) must be True: a block has passed that end of an epoch")
            require_same_bits(f"parameters shown at step {end}", session.parameters, plain.parameters)
            require_same_bits(f"scores shown at step {end}", session.scores(x), plain.scores(x))
            shown.append(end)
        session.show_end(None)
        require_same_bits("parameters when nothing is shown any more", session.parameters, present)
    require(not session.show_end(1), "show_end must be False for a step at which no epoch of the latest block ended")
    _require_way_back(session, opened()[0], batches, shown[0], losses)


def _require_way_back(session: Session, plain: Session, batches: Batches, end: int, losses: list[float]) -> None:
    """After `rewind` to an end the session is as one that made so many steps, and goes on as it."""
    assert isinstance(session, SessionEnds)
    session.rewind(end)
    while plain.step < end:
        plain.run(batches, plain.step, end)
    require(session.step == end, f"step must be {end} after rewind({end}), got {session.step}")
    require_same_bits("parameters after rewind", session.parameters, plain.parameters)
    while session.step < len(batches):
        start = session.step
        made = list(map(float, session.run(batches, start, len(batches)).loss))
        require(
            made == losses[start : start + len(made)], "losses after rewind must be those that the steps had before"
        )
