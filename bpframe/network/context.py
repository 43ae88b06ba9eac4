"""The context of a layer: training or evaluation, whether dx is needed, and the random key of the step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from bpframe.protocols import Key
from bpframe.random import HashKey


@final
class StepContext:
    """The `Context` of both engines; its key is made when a layer asks for it, since few do."""

    __slots__ = ("_path", "_root", "need_dx", "training")

    def __init__(self, training: bool, need_dx: bool, root: Key, path: tuple[str, ...] = ()) -> None:
        self.training = training
        self.need_dx = need_dx
        self._root = root
        self._path = path

    @property
    def key(self) -> Key:
        """This layer's own randomness, this step's."""
        key = self._root
        for name in self._path:
            key = key.child(name)
        return key

    def child(self, name: str) -> StepContext:
        """The context of a layer inside this one, which does need `dx`."""
        return StepContext(self.training, True, self._root, (*self._path, name))


def step_contexts(labels: Sequence[str], lowest: int, key: Key) -> list[StepContext]:
    """A training context a layer, by the step's key; the lowest layer with weights to train needs no dx."""
    return [StepContext(True, k != lowest, key, (label,)) for k, label in enumerate(labels)]


EVALUATION = StepContext(training=False, need_dx=True, root=HashKey(0, 0))
