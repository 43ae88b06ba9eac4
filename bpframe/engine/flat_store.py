"""A parameter store in one flat vector: the parameters of a group, cut into the pieces that a rule works on.

An "element" rule runs over slices of at most 2^17 elements, which stay in the cache while the rule's few array
operations pass over them. A slice is cut out of one large gradient where backward made it; gradients smaller than a
slice are gathered into one. An "array" rule runs over whole parameters, a minimizer over everything at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple, cast, final

import numpy as np

from bpframe import tree
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.parameter_store import Run, UpdateComponent
from bpframe.network.ties import of_source, tied
from bpframe.ops import aligned
from bpframe.protocols import Group, Param
from bpframe.protocols.traits import scope_of
from bpframe.types import Array, HostArray, Params, Shape

SLICE = 2**17


@final
@dataclass(frozen=True, eq=False, repr=False)
class Piece:
    """A slice of the flat vector: the shape that components see, where its gradient is, its parameter."""

    start: int
    stop: int
    shape: Shape
    gradient: Callable[[Params], HostArray]
    param: Param | None = None

    def of(self, vector: HostArray) -> HostArray:
        """This piece of a flat vector, a view."""
        return vector[self.start : self.stop].reshape(self.shape)


class _MeasureCopies(NamedTuple):
    """What measures of updates are given: copies of the vectors p and g, both as parameters, and g itself as such."""

    p: HostArray
    g: HostArray
    parameters: list[Any]
    gradients: list[Any]
    slopes: list[Any]


@final
class FlatStore:
    """The `Store` of the NumPy engine: `p` holds parameters end to end; the network's tree is made of views into it.

    `g` holds their gradients in the same order, with views into it in the tree `slots`.
    """

    def __init__(self, group: Group, params: Params, dtype: np.dtype[Any], slots: Params | None = None) -> None:
        self.paths, self._ties = group.paths, group.ties
        arrays = [np.asarray(tree.at(params, path)) for path in self.paths]
        self.p = aligned.empty((sum(a.size for a in arrays),), dtype)
        if arrays:
            np.concatenate([a.reshape(-1) for a in arrays], out=self.p)
        self.shapes, self.sizes = [a.shape for a in arrays], [a.size for a in arrays]
        self.starts = [0, *accumulate(self.sizes)]
        self.g = aligned.empty(self.p.shape, dtype)
        self._place(self.p, params)
        self.use_slots({} if slots is None else slots)
        self._copies: _MeasureCopies | None = None  # once anybody compares
        self._shown = self._whole(self.p)
        self.pieces = self._pieces(group)
        self._views = [piece.of(self.p) for piece in self.pieces]
        self._slopes = [piece.of(self.g) for piece in self.pieces]
        self._reach = [_reach(piece, self.starts[group.penalised]) for piece in self.pieces]

    def use_slots(self, slots: Params) -> None:
        """Have gradients written to a tree into which views of g are put."""
        self._slots = slots
        self._place(self.g, slots)

    def _place(self, vector: HostArray, params: Params) -> None:
        """Put views into a vector laid out like p in the place of the parameters."""
        for path, shape, start, size in zip(self.paths, self.shapes, self.starts, self.sizes, strict=False):
            tree.assign(params, path, vector[start : start + size].reshape(shape))
            for tie in tied(self._ties, path) if vector is not self.g else ():
                tree.assign(params, tie.target, of_source(tie, tree.at(params, path)))

    def __len__(self) -> int:
        return len(self.pieces)

    def get(self, i: int) -> Any:
        """A view of piece i."""
        return self._views[i]

    def snapshot(self, i: int) -> Any:
        """A copy of piece i."""
        return self._views[i].copy()

    def put(self, i: int, p: Array) -> None:
        """Write piece i."""
        if p is not self._views[i]:
            self._views[i][...] = cast(HostArray, p)

    def gradients(self, gradients: Params) -> list[Any]:
        """The gradient of each piece."""
        return (
            [piece.gradient(gradients) for piece in self.pieces] if gradients is not self._slots else list(self._slopes)
        )

    def parameters(self) -> list[Any]:
        """A view of every parameter."""
        return self._shown

    def before(self, gradients: Params, moved: bool) -> tuple[list[Any], list[Any]]:
        """(a copy of the parameters, their gradients), in the same lists each time where gradients lie in the slots."""
        if self._copies is None:
            p, g = np.empty_like(self.p), np.empty_like(self.g)
            self._copies = _MeasureCopies(p, g, self._whole(p), self._whole(g), self._whole(self.g))
        kept = self._copies
        np.copyto(kept.p, self.p)
        if gradients is not self._slots:
            return kept.parameters, [tree.at(gradients, path) for path in self.paths]
        if not moved:
            return kept.parameters, kept.slopes
        np.copyto(kept.g, self.g)
        return kept.parameters, kept.gradients

    def keeps(self, gradients: Sequence[Any]) -> bool:
        """Whether gradients are a list that `before` hands out each time."""
        kept = self._copies
        return kept is not None and (gradients is kept.slopes or gradients is kept.gradients)

    def _whole(self, vector: HostArray) -> list[Any]:
        """The parameters in a vector laid out like p, in their shapes."""
        places = zip(self.shapes, self.starts, self.sizes, strict=False)
        return [vector[start : start + size].reshape(shape) for shape, start, size in places]

    def stable_gradient(self, i: int, g: Array) -> Array:
        """A gradient of piece i that stays as it is: a copy where it lies in g."""
        return self._slopes[i].copy() if g is self._slopes[i] else g

    def mask(self, i: int, paths: Collection[tree.Path]) -> Any:
        """Which elements of piece i belong to these parameters."""
        chosen = np.repeat([path in paths for path in self.paths], self.sizes)
        mask = self.pieces[i].of(chosen)
        return mask if mask.any() and not mask.all() else bool(mask.all())

    def slope(self, i: int) -> Any:
        """The view of g that is piece i's."""
        return self._slopes[i]

    def param(self, i: int) -> Param | None:
        """The parameter that piece i is, in scope "array"."""
        return self.pieces[i].param

    def runs(self, i: int) -> Sequence[Run]:
        """The stretches of parameters in piece i."""
        piece, runs = self.pieces[i], list[Run]()
        for path, start, size in zip(self.paths, self.starts, self.sizes, strict=False):
            first, stop = max(piece.start, start), min(piece.stop, start + size)
            if first < stop:
                runs.append(("/".join(path), first - start, stop - first))
        return runs

    def reach(self, i: int) -> Any:
        """Where penalties act on piece i."""
        return self._reach[i]

    def settings(self, component: UpdateComponent) -> Settings:
        """Settings with values of this dtype."""
        return Settings(component, self.p.dtype.type)

    def when(self, due: Any, change: Callable[..., Any], values: Any) -> Any:
        """A plain choice."""
        return change(*values) if due else values

    def show(self, pieces: Sequence[Any], params: Params) -> None:
        """Put views into a vector of these pieces in the place of the parameters."""
        vector = np.empty_like(self.p)
        for piece, values in zip(self.pieces, pieces, strict=True):
            piece.of(vector)[...] = values
        self._place(vector, params)

    # ------------------------------------------------------------------------------------------------------- pieces

    def _pieces(self, group: Group) -> list[Piece]:
        scopes = {scope_of(component) for _, component in group.components()}
        if "objective" in scopes:
            return [Piece(0, len(self.p), self.p.shape, _gather(self.paths))]
        return self._parameters(group.params) if "array" in scopes else self._slices()

    def _parameters(self, params: Sequence[Param]) -> list[Piece]:
        """A piece a parameter, in its own shape."""
        return [
            Piece(start, start + size, shape, _whole(path), param)
            for path, shape, start, size, param in zip(
                self.paths, self.shapes, self.starts, self.sizes, params, strict=False
            )
        ]

    def _slices(self) -> list[Piece]:
        """Large parameters cut into slices, runs of small ones gathered into a slice each."""
        pieces: list[Piece] = []
        for paths, start, size in self._runs():
            if size >= SLICE:
                cuts = [(a, min(a + SLICE, size)) for a in range(0, size, SLICE)]
                pieces += [Piece(start + a, start + b, (b - a,), _cut(paths[0], a, b)) for a, b in cuts]
            else:
                pieces.append(Piece(start, start + size, (size,), _gather(paths)))
        return pieces

    def _runs(self) -> Iterator[tuple[tuple[tree.Path, ...], int, int]]:
        """(paths, start, size) of each large parameter, and of neighbours that fit a slice together."""
        run: list[tree.Path] = []
        begin = 0
        for path, start, size in zip(self.paths, self.starts, self.sizes, strict=False):
            if run and (size >= SLICE or start + size - begin > SLICE):
                yield tuple(run), begin, start - begin
                run = []
            if size >= SLICE:
                yield (path,), start, size
                continue
            begin = begin if run else start
            run.append(path)
        if run:
            yield tuple(run), begin, self.starts[-1] - begin


def _reach(piece: Piece, penalised: int) -> Any:
    """The part of a piece that is among the first `penalised` elements of the vector: all, none, or its beginning."""
    count = min(max(penalised - piece.start, 0), piece.stop - piece.start)
    return ... if count == piece.stop - piece.start else slice(count) if count else None


def _gather(paths: tuple[tree.Path, ...]) -> Callable[[Params], HostArray]:
    return lambda gradients: np.concatenate([tree.at(gradients, path) for path in paths], axis=None)


def _cut(path: tree.Path, start: int, stop: int) -> Callable[[Params], HostArray]:
    return lambda gradients: tree.at(gradients, path).reshape(-1)[start:stop]


def _whole(path: tree.Path) -> Callable[[Params], HostArray]:
    return lambda gradients: tree.at(gradients, path)
