"""The tree store: the `Store` of a step that is a function of its arguments, every parameter of a group a piece."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, final

from bpframe import ops, tree
from bpframe.engine.parameter_store import Run, UpdateComponent
from bpframe.network.ties import of_source, tied
from bpframe.protocols import Group, Param
from bpframe.types import Array, Params


def choose(due: Any, new: Any, old: Any) -> Any:
    """Nested states with the new arrays and numbers where `due` holds, else the old ones; both are there."""
    if isinstance(new, Mapping):
        return {name: choose(due, value, old[name]) for name, value in new.items()}
    if isinstance(new, list | tuple):
        return type(new)(choose(due, *pair) for pair in zip(new, old, strict=True))
    return ops.namespace(due).where(due, new, old)


def changed_if(due: Any, change: Callable[[], Any], values: Any) -> Any:
    """change() where `due` holds, else the values; both are computed, unless nothing is traced.

    So it is under `jax.disable_jit`, where an update that is not due may have no sense.
    """
    if isinstance(due, bool):
        return change() if due else values
    return choose(due, change(), values)


@final
class TreeStore:
    """The `Store` of one trace of a step: every parameter of a group is a piece."""

    def __init__(self, group: Group, params: Params, settings: Callable[[UpdateComponent], Any]) -> None:
        self.paths, self.settings, self._penalised = group.paths, settings, group.penalised
        self.params, self._known, self._ties = params, group.params, group.ties

    def __len__(self) -> int:
        return len(self.paths)

    def get(self, i: int) -> Any:
        """Parameter i."""
        return tree.at(self.params, self.paths[i])

    snapshot = get  # another value takes the place of an array, which stays as it is

    def parameters(self) -> list[Any]:
        """All of them."""
        return [tree.at(self.params, path) for path in self.paths]

    def before(self, gradients: Params, moved: bool) -> tuple[list[Any], list[Any]]:
        """(parameters, gradients), for nothing changes in place."""
        return self.parameters(), self.gradients(gradients)

    def stable_gradient(self, i: int, g: Array) -> Array:
        """The gradient itself."""
        return g

    def put(self, i: int, p: Array) -> None:
        """Another value of parameter i, in the tree of this trace."""
        self._assign(self.params, self.paths[i], p)

    def show(self, pieces: Sequence[Any], params: Params) -> None:
        """Put these values of the parameters in a tree."""
        for path, p in zip(self.paths, pieces, strict=True):
            self._assign(params, path, p)

    def _assign(self, params: Params, path: tree.Path, p: Any) -> None:
        """Put a value, and what is tied to it, in a tree."""
        tree.assign(params, path, p)
        for tie in tied(self._ties, path):
            tree.assign(params, tie.target, of_source(tie, p))

    def gradients(self, gradients: Params) -> list[Any]:
        """The gradient of each parameter."""
        return [tree.at(gradients, path) for path in self.paths]

    def mask(self, i: int, paths: Collection[tree.Path]) -> bool:
        """Whether parameter i is one of these."""
        return self.paths[i] in paths

    def param(self, i: int) -> Param | None:
        """What is known of parameter i."""
        return self._known[i]

    def runs(self, i: int) -> Sequence[Run]:
        """All of parameter i."""
        return [("/".join(self.paths[i]), 0, self.get(i).size)]

    def reach(self, i: int) -> Any:
        """Penalties act on a whole parameter or not at all."""
        return ... if i < self._penalised else None

    def when(self, due: Any, change: Callable[..., Any], values: Any) -> Any:
        """Both are computed, one is taken."""
        return changed_if(due, lambda: change(*values), values)
