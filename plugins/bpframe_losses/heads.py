"""Several heads in one network.  Shapes: head h has scores (B, n_h) and targets (B, m_h), side by side in (B, C)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, final

import numpy as np

from bpframe.plugin import (
    Array,
    Cache,
    ConfigError,
    Context,
    CostLayer,
    HostArray,
    Layer,
    Loss,
    Params,
    Shape,
    ShapeError,
    TargetWidth,
    checks,
    ops,
)


@final
@dataclass(frozen=True)
class Heads:
    """loss = sum_h w_h loss_h(z_h, y_h); delta = (w_h delta_h) side by side, each loss on its own columns of scores.

    `widths` are the columns of scores of each loss; their sum is the width of the network. `weights` left out are 1,
    `names` head_1, head_2, ... y is a mapping of names to each head's own labels or numbers, or all targets as columns
    side by side. Predictions apply each head's link to its columns, and stand side by side as scores do; labels are
    predicted as a mapping of names.
    Source: Caruana (1997), Multitask learning.
    """

    losses: tuple[Loss, ...]
    widths: tuple[int, ...]
    weights: tuple[float, ...] | None = None
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("widths", "weights", "names"):
            given = getattr(self, name)
            if given is not None and len(given) != len(self.losses):
                raise ConfigError(f"heads needs one of {name} for each of {len(self.losses)} losses, got {given!r}.")
        for width in self.widths:
            checks.whole("heads", 1, widths=width)
        checks.not_negative("heads", **{f"weights[{h}]": weight for h, weight in enumerate(self.weights or ())})
        names = self.names or ()
        if not self.losses or len(set(names)) < len(names) or any(not name or set(name) & {".", "/"} for name in names):
            raise ConfigError(f"heads needs losses, and names that differ and have no '.' or '/', got {names!r}.")

    @property
    def link(self) -> Any:
        """Each head's link on its own columns, as a layer."""
        return SideBySide(tuple(CostLayer.of(loss).link for loss in self.losses), self.widths)

    def parts(self) -> dict[str, tuple[Loss, int]]:
        """(loss, width of scores) of each head by its name, from left to right."""
        names = self.names or tuple(f"head_{h}" for h in range(1, len(self.losses) + 1))
        return dict(zip(names, zip(self.losses, self.widths, strict=True), strict=True))

    def target_width(self, outputs: int) -> int:
        """Columns of all targets together."""
        if outputs != sum(self.widths):
            listing = " + ".join(map(str, self.widths))
            raise ShapeError(
                f"heads needs {sum(self.widths)} = {listing} scores, got {outputs}. Change widths or units."
            )
        return sum(self._target_widths())

    def value_and_delta(self, scores: Array, target: Array) -> tuple[Array, Array]:
        """(loss (B,), delta (B, C))."""
        xp = ops.namespace(scores)
        weights = self.weights or (1.0,) * len(self.losses)
        value, deltas = xp.zeros_like(scores[:, 0]), list[Array]()
        columns = zip(self.losses, weights, cuts(self.widths), cuts(self._target_widths()), strict=True)
        for loss, weight, own, wanted in columns:
            part, delta = loss.value_and_delta(scores[:, own], target[:, wanted])
            if part.ndim == 0:
                raise ConfigError(f"heads needs losses of one value a row, but {loss!r} couples the rows of a batch.")
            value = value + weight * part
            deltas.append(weight * delta)
        return value, xp.concat(deltas, axis=-1)

    def _target_widths(self) -> list[int]:
        pairs = zip(self.losses, self.widths, strict=True)
        return [loss.target_width(width) if isinstance(loss, TargetWidth) else width for loss, width in pairs]

    def example(self, rng: np.random.Generator) -> tuple[HostArray, HostArray]:
        """Scores, and predictions of others as targets: they are in the domain of every head."""
        shape = 5, sum(self.widths)
        return rng.normal(size=shape), np.asarray(CostLayer.of(self).prediction(rng.normal(size=shape)))

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """A class and a quantity; three heads with weights and names."""
        three = ["sigmoid_cross_entropy", "mse", "poisson"]
        named = {"losses": three, "widths": [1, 2, 1], "weights": [0.5, 2.0, 0.0], "names": ["sick", "place", "visits"]}
        return [{"losses": ["softmax_cross_entropy", "mse"], "widths": [3, 1]}, named]


@final
@dataclass(frozen=True)
class SideBySide:
    """v = (link_1(u_1), link_2(u_2), ...), each link on its own columns of u (B, C)."""

    links: tuple[Layer, ...]
    widths: tuple[int, ...]

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """No parameters; rows keep their shape."""
        return {}, in_shape

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Cache]:
        """(v, what each link keeps)."""
        pairs = zip(self.links, cuts(self.widths), strict=True)
        made = [link.forward({}, x[:, own], context) for link, own in pairs]
        return ops.namespace(x).concat([v for v, _ in made], axis=-1), [cache for _, cache in made]

    def backward(self, params: Params, cache: Cache, dy: Array, context: Context) -> tuple[Array | None, Params]:
        """Each link's dx, side by side."""
        parts = zip(self.links, cache, cuts(self.widths), strict=True)
        dx = [link.backward({}, kept, dy[:, own], context)[0] for link, kept, own in parts]
        return ops.namespace(dy).concat(dx, axis=-1), {}


def cuts(widths: tuple[int, ...] | list[int]) -> list[slice]:
    """The columns of parts of these widths: (3, 1) -> 0:3, 3:4."""
    return [slice(a, b) for a, b in pairwise(accumulate(widths, initial=0))]
