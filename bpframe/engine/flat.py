"""The parameters of a group as one flat vector, updated piece by piece.

An "element" rule runs over slices of at most 2^15 elements, which stay in the cache while the rule's few array
operations pass over them. A slice is cut out of one large gradient where backward made it; gradients smaller than a
slice are gathered into one. An "array" rule runs over whole parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.hyper import Settings
from bpframe.protocols import Group
from bpframe.types import HostArray, Params, State

SLICE = 2**15
Piece = tuple[int, int, Callable[[Params], HostArray], tuple[int, ...]]  # start, stop, gradient of it, its shape


@final
class FlatGroup:
    """One group: `p` holds its parameters end to end, the network's tree holds views into it."""

    def __init__(self, group: Group, params: Params, dtype: np.dtype[Any]) -> None:
        self.paths = group.paths
        arrays = [np.asarray(tree.at(params, path)) for path in group.paths]
        self.p = np.concatenate([a.reshape(-1) for a in arrays], dtype=dtype) if arrays else np.empty(0, dtype)
        self.dtype = dtype
        self._views(arrays, params)
        self.use(group)
        self.pieces = self._pieces([a.shape for a in arrays])
        self.states = [self._initial(piece) for piece in self.pieces]

    def use(self, group: Group) -> None:
        """Take over the settings of a group with the same paths; what the rules remember stays."""
        self.group = group
        cast = self.dtype.type
        self.components = [
            *group.regularizers,
            *group.gradient_steps,
            *([group.rule] if group.rule else []),
            *group.constraints,
        ]
        self.settings = [Settings(component, cast) for component in self.components]

    def update(self, gradients: Params, step: int, loss: Any) -> float:
        """One step of every piece after `step` updates; the sum of the penalties."""
        if self.group.rule is None:
            return 0.0
        hypers = [settings.at(step) for settings in self.settings]
        for h in hypers:
            h.loss = loss
        penalty = 0.0
        for i, (start, stop, gradient, shape) in enumerate(self.pieces):
            p = self.p[start:stop].reshape(shape)
            g = gradient(gradients)
            new, self.states[i], more = self._advance(p, g, self.states[i], hypers)
            self.p[start:stop] = new.reshape(-1)
            penalty += more
        return penalty

    def _advance(
        self, p: HostArray, g: Any, state: list[State], hypers: list[Any]
    ) -> tuple[HostArray, list[State], float]:
        """Penalty, gradient steps, rule, constraints, in that order, for one piece."""
        group, h = self.group, iter(hypers)
        penalty, states = 0.0, []
        for regularizer in group.regularizers:
            value, slope = regularizer.value_and_gradient(p, next(h))
            penalty += float(value)
            g = g + slope
        for k, step in enumerate(group.gradient_steps):
            g, new = step.transform(p, g, state[k], next(h))
            states.append(new)
        assert group.rule is not None
        p, new = group.rule.update(p, g, state[-1], next(h))  # type: ignore[assignment]  # NumPy in, NumPy out
        for constraint in group.constraints:
            p = constraint.project(p, next(h))  # type: ignore[assignment]
        return p, [*states, new], penalty

    def _initial(self, piece: Piece) -> list[State]:
        if self.group.rule is None:
            return []
        p = self.p[piece[0] : piece[1]].reshape(piece[3])
        return [*(step.init(p) for step in self.group.gradient_steps), self.group.rule.init(p)]

    def _views(self, arrays: list[HostArray], params: Params) -> None:
        start = 0
        for path, array in zip(self.paths, arrays, strict=True):
            tree.assign(params, path, self.p[start : start + array.size].reshape(array.shape))
            start += array.size

    def _pieces(self, shapes: list[tuple[int, ...]]) -> list[Piece]:
        whole = any(getattr(component, "scope", "element") == "array" for component in self.components)
        pieces: list[Piece] = []
        small: list[tuple[str, ...]] = []
        start = gathered = 0
        for path, shape in zip(self.paths, shapes, strict=True):
            size = int(np.prod(shape))
            if small and (whole or gathered + size > SLICE):
                pieces.append((start - gathered, start, _gather(small), (gathered,)))
                small, gathered = [], 0
            if whole:
                pieces.append((start, start + size, _whole(path), shape))
            elif size >= SLICE:
                cuts = range(0, size, SLICE)
                pieces += [
                    (start + a, start + min(a + SLICE, size), _cut(path, a), (min(SLICE, size - a),)) for a in cuts
                ]
            else:
                small.append(path)
                gathered += size
            start += size
        if small:
            pieces.append((start - gathered, start, _gather(small), (gathered,)))
        return pieces


def _gather(paths: list[tuple[str, ...]]) -> Callable[[Params], HostArray]:
    return lambda gradients: np.concatenate([tree.at(gradients, path).reshape(-1) for path in paths])


def _cut(path: tuple[str, ...], start: int) -> Callable[[Params], HostArray]:
    return lambda gradients: tree.at(gradients, path).reshape(-1)[start : start + SLICE]


def _whole(path: tuple[str, ...]) -> Callable[[Params], HostArray]:
    return lambda gradients: tree.at(gradients, path)
