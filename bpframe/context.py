"""What a layer may know about the step it is in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from bpframe.protocols import Key
from bpframe.random import HashKey


@final
class StepContext:
    """The `Context` of both engines; its key is made when a layer asks for it, since few do."""

    __slots__ = ("_name", "_parent", "need_dx", "training")

    def __init__(self, training: bool, need_dx: bool, parent: Key, name: str | None = None) -> None:
        self.training = training
        self.need_dx = need_dx
        self._parent = parent
        self._name = name

    @property
    def key(self) -> Key:
        """This layer's own randomness, this step's."""
        return self._parent if self._name is None else self._parent.child(self._name)

    def child(self, name: str) -> StepContext:
        """The context of a layer inside this one, which does need `dx`."""
        return StepContext(self.training, True, self.key, name)


def step_contexts(labels: Sequence[str], lowest: int, key: Key) -> list[StepContext]:
    """A training context a layer: the layer number `lowest`, the lowest with weights to train, needs no dx."""
    return [StepContext(True, k != lowest, key, label) for k, label in enumerate(labels)]


EVALUATION = StepContext(training=False, need_dx=True, parent=HashKey(0, 0))
