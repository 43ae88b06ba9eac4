"""The context of a layer: training or evaluation, whether dx is needed, and the random key of the step."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import final

from bpframe import ops, tree
from bpframe.protocols import Key
from bpframe.random import HashKey
from bpframe.tree import Path
from bpframe.types import Array, Params


@final
class StepContext:
    """The `Context` of both engines; its key is made when a layer asks for it, since few do.

    `frozen`: the paths of layers, this one or inside it, that run as in evaluation though the step is one of training.
    `mask`: which rows (B,), or positions (B, *S), count; None for all.
    """

    __slots__ = ("_frozen", "_path", "_root", "counts", "need_dx", "training")

    def __init__(
        self,
        training: bool,
        need_dx: bool,
        root: Key,
        path: Path = (),
        frozen: frozenset[Path] = frozenset(),
        mask: Array | None = None,
    ) -> None:
        self.training = training and path not in frozen
        self.need_dx = need_dx
        self._root = root
        self._path = path
        self._frozen = frozen
        self.counts = mask

    @property
    def mask(self) -> Array | None:
        """(B,) which rows count; None for all."""
        return None if self.counts is None else ops.any_position(self.counts)

    @property
    def key(self) -> Key:
        """This layer's own randomness, this step's."""
        key = self._root
        for name in self._path:
            key = key.child(name)
        return key

    def child(self, name: str, need_dx: bool = True) -> StepContext:
        """The context of a layer inside this one."""
        return StepContext(self.training, need_dx, self._root, (*self._path, name), self._frozen, self.counts)

    def masked(self, mask: Array) -> StepContext:
        """The same for a batch of whose rows, or positions, only some count."""
        return StepContext(self.training, self.need_dx, self._root, self._path, self._frozen, mask)


def step_contexts(
    labels: Sequence[str], lowest: int, key: Key, frozen: frozenset[Path] = frozenset()
) -> list[StepContext]:
    """A training context a layer, by the step's key; the lowest layer with weights to train needs no dx."""
    return [StepContext(True, k != lowest, key, (label,), frozen) for k, label in enumerate(labels)]


def frozen_layers(params: Params, trained: Container[Path], path: Path = ()) -> Iterator[Path]:
    """The paths of layers with buffers none of whose parameters train, though they have some, at any depth."""
    if "buffers" in params:
        own = [(*path, *leaf) for leaf, _ in tree.leaves(params) if leaf[0] != "buffers"]
        if own and not any(leaf in trained for leaf in own):
            yield path
    for name, branch in params.items():
        if isinstance(branch, Mapping) and name != "buffers":
            yield from frozen_layers(dict(branch), trained, (*path, name))


EVALUATION = StepContext(training=False, need_dx=True, root=HashKey(0, 0))
