"""The parameter store, the interface between an update and an engine: pieces, gradients, settings, branching."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from bpframe import tree
from bpframe.protocols import Constraint, GradientStep, Minimizer, Optimizer, Param, Regularizer
from bpframe.types import Array, Params

Run = tuple[str, int, int]
UpdateComponent = Constraint | GradientStep | Minimizer | Optimizer | Regularizer


class Store(Protocol):
    """Where an engine keeps the parameters of a group, cut into pieces, and how it makes settings and choices."""

    def __len__(self) -> int:
        """How many pieces."""

    def get(self, i: int) -> Array:
        """Piece i, in the shape that components see."""

    def snapshot(self, i: int) -> Array:
        """Piece i as it is now, in an array that is not written to."""

    def put(self, i: int, p: Array) -> None:
        """Replace piece i."""

    def gradients(self, gradients: Params) -> list[Any]:
        """The gradient of each piece, in its shape."""

    def parameters(self) -> Sequence[Array]:
        """Every parameter in its own shape."""

    def before(self, gradients: Params, moved: bool) -> tuple[Sequence[Array], Sequence[Array]]:
        """(the parameters, their gradients) in arrays that an update leaves as they are.

        `moved`: whether it writes changed gradients.
        """

    def stable_gradient(self, i: int, g: Array) -> Array:
        """A gradient of piece i as an array that components may keep."""

    def show(self, pieces: Sequence[Any], params: Params) -> None:
        """Put these values of the pieces in the place of the parameters in a tree."""

    def mask(self, i: int, paths: Collection[tree.Path]) -> Any:
        """Which elements of piece i belong to these parameters: True all, False none, or a mask in its shape."""

    def param(self, i: int) -> Param | None:
        """The parameter that piece i is; None where it is a slice or several."""

    def runs(self, i: int) -> Sequence[Run]:
        """What piece i is made of, in order: (parameter, number of its first element there, how many)."""

    def reach(self, i: int) -> Any:
        """Where penalties act on piece i: `...` everywhere, a slice, None nowhere."""

    def settings(self, component: UpdateComponent) -> Any:
        """The component's settings, with `h`, `at` and `note` as `bpframe.engine.hyperparameters.Settings` has them."""

    def when(self, due: Any, change: Callable[..., Any], values: Any) -> Any:
        """change(*values) where `due` holds, otherwise the values themselves."""
