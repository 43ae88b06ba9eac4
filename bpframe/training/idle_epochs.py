"""Idle epochs: those after which a network predicts as before them, so that no monitor counts them as not improved."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import final

import numpy as np

from bpframe.engine.optimizer_chain import chain
from bpframe.engine.update_clock import periods, updates_made
from bpframe.protocols import EvaluationParams, Group, Session
from bpframe.protocols.implements import implements
from bpframe.training.history import History


@final
class IdleEpochs:
    """Notes in the history which epochs are idle: for all curves those in which no optimizer made an update.

    For curves of validation also those in which no average was renewed that the network predicts with, which shows in
    the parameters: their digest stays. It is taken only if there is `validation`, and only where every parameter that
    is trained follows a rule which predicts with others than it trains.
    """

    def __init__(self, groups: Sequence[Group], validation: bool) -> None:
        trained = [group for group in groups if group.rule is not None and group.paths]
        self._gathering = [group.gradient_steps for group in trained] if trained and _gather(trained) else []
        self._averaged = [param.name for group in trained for param in group.params]
        if not validation or not all(_averages(group) for group in trained):
            self._averaged = []

    def note(self, history: History, session: Session, start: int, stop: int) -> None:
        """Look at the latest epoch of the history, whose batches were those after `start` up to `stop`."""
        before, idle = history.averaged, False
        if self._averaged:
            history.averaged = _digest(session, self._averaged)
            idle = before == history.averaged
        if self._gathering and all(updates_made(s, start) == updates_made(s, stop) for s in self._gathering):
            history.note_idle("train", "validation")
        elif idle:
            history.note_idle("validation")


def _gather(groups: Sequence[Group]) -> bool:
    return any(periods(group.gradient_steps) for group in groups)


def _averages(group: Group) -> bool:
    return group.rule is not None and any(implements(link.rule, EvaluationParams) for link in chain(group.rule))


def _digest(session: Session, names: Sequence[str]) -> str:
    """Of the values of these parameters to predict with."""
    values, digest = session.parameters, hashlib.blake2b(digest_size=16)
    for name in names:
        digest.update(np.ascontiguousarray(values[name]).data)
    return digest.hexdigest()
