"""The numbers of one layer in a derivation: each with those that it was computed from.

Letters as in `bpframe.network.backprop`; J is dv_j/du_i, where a unit's value depends on several sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.network.derivation.number import Index, Number, Term, key_of
from bpframe.network.derivation.row_pass import LayerPass
from bpframe.network.derivation.unit_sample import Units, heaviest
from bpframe.types import HostArray

LETTERS = {"weight": "w", "bias": "b"}  # of parameters; others have their names


@final
@dataclass(frozen=True)
class ParameterEntries:
    """Which entries of a parameter are shown, by their indices, of how many."""

    name: str
    letter: str
    indices: tuple[Index, ...]
    total: int


@final
@dataclass(frozen=True)
class LayerNumbers:
    """One layer of a derivation: what it is, which of its units and parameters are shown, of how many.

    `number` counts from 1; `title` is the layer with its arguments, `phi` its activation, "" for none.
    """

    number: int
    label: str
    title: str
    phi: str
    inputs: Units
    units: Units
    width: int
    parameters: tuple[ParameterEntries, ...]
    affine: bool


@final
@dataclass(frozen=True)
class ParameterSteps:
    """What is known of a layer's parameters besides their gradients, by name.

    `measured` gives a finite difference by name and index; `after` are the values that the update made.
    """

    measured: Callable[[str, Index], float]
    after: Mapping[str, HostArray]
    lr: float | None = None  # where the update is w - lr dw, by its numbers


@final
class LayerBook:
    """Writes the numbers of one layer."""

    def __init__(self, layer: LayerPass, shape: LayerNumbers, above: LayerPass | None, above_units: Units) -> None:
        self.layer, self.shape, self.above, self.above_units = layer, shape, above, above_units
        self.k = shape.number

    def forward(self) -> Iterator[Number]:
        """u, v and phi' of each unit."""
        layer, k = self.layer, self.k
        for j in self.shape.units:
            u = key_of("u", k, j)
            if layer.u is not None:
                yield self._sum(j) if layer.affine else self._plain("u", j, layer.u)
            of_u = (Term((u,)),) if layer.u is not None else ()
            yield Number(key_of("v", k, j), "v", k, (j,), float(layer.v[j]), of_u, self.shape.phi)
            if layer.slope is not None:
                value = float(layer.slope[j])
                v = Term((key_of("v", k, j),))
                yield Number(key_of("slope", k, j), "phi'", k, (j,), value, (v,), f"{self.shape.phi}'")

    def backward(self) -> Iterator[Number]:
        """dL/dv, where the layer above says what makes it, then delta."""
        layer = self.layer
        yield from self._jacobian()
        for i in self.shape.units:
            if self.above is not None:  # what the cost layer hands back is the cost layer's
                yield self._sum_above(self.above, i)
            if layer.delta is not None:
                yield self._delta(i)

    def parameters(self, steps: ParameterSteps) -> Iterator[Number]:
        """Every parameter that is shown, its gradient, the finite difference beside it, and its value after."""
        for each in self.shape.parameters:
            own, slopes = self.layer.parameters[each.name], self.layer.gradients.get(each.name)
            for at in each.indices:
                key, gradient = key_of(each.letter, self.k, *at), key_of(f"d{each.letter}", self.k, *at)
                yield Number(key, each.letter, self.k, at, float(own[at]))
                if slopes is not None:
                    terms = self._product(each.letter, at)
                    yield Number(gradient, f"d{each.letter}", self.k, at, float(slopes[at]), terms)
                    value = steps.measured(each.name, at)
                    measured = key_of(f"measured-{each.letter}", self.k, *at)
                    yield Number(measured, f"d{each.letter}", self.k, at, value, (Term((key,)),), "difference")
                lr = () if steps.lr is None else (Term((key,)), Term((key_of("lr", None), gradient), -1))
                after = key_of(f"after-{each.letter}", self.k, *at)
                yield Number(
                    after, each.letter, self.k, at, float(steps.after[each.name][at]), lr, "" if lr else "update"
                )

    # ------------------------------------------------------------------------------------------------------- sums

    def _plain(self, letter: str, j: int, values: HostArray) -> Number:
        return Number(key_of(letter, self.k, j), letter, self.k, (j,), float(values[j]))

    def _sum(self, j: int) -> Number:
        """u_j = sum_i x_i w_ij + b_j."""
        assert self.layer.u is not None  # an affine layer has it
        w, b = self.layer.parameters["weight"], self.layer.parameters.get("bias")
        terms = [Term((key_of("v", self.k - 1, i), key_of("w", self.k, i, j))) for i in self.shape.inputs]
        terms += [] if b is None else [Term((key_of("b", self.k, j),))]
        hidden = _others(self.layer.x.size, self.shape.inputs)
        rest = float(self.layer.x[hidden] @ w[hidden, j])
        value = float(self.layer.u[j])
        return Number(key_of("u", self.k, j), "u", self.k, (j,), value, tuple(terms), rest=rest, left_out=len(hidden))

    def _sum_above(self, above: LayerPass, i: int) -> Number:
        """dL/dv_i = sum_j delta_j w_ij, of the layer above."""
        key, k, value = key_of("dv", self.k, i), self.k + 1, float(self.layer.dv[i])
        if not above.affine or above.delta is None:
            return Number(key, "dL/dv", self.k, (i,), value)
        terms = tuple(Term((key_of("delta", k, j), key_of("w", k, i, j))) for j in self.above_units)
        hidden = _others(above.delta.size, self.above_units)
        rest = float(above.parameters["weight"][i, hidden] @ above.delta[hidden])
        return Number(key, "dL/dv", self.k, (i,), value, terms, rest=rest, left_out=len(hidden))

    def _delta(self, i: int) -> Number:
        """delta_i = dL/dv_i phi'(u_i), or sum_j dL/dv_j J_ji."""
        layer, k = self.layer, self.k
        assert layer.delta is not None  # it was looked at
        key, value, dv = key_of("delta", k, i), float(layer.delta[i]), key_of("dv", k, i)
        if layer.slope is not None:
            return Number(key, "delta", k, (i,), value, (Term((dv, key_of("slope", k, i))),))
        if layer.jacobian is None:
            return Number(key, "delta", k, (i,), value, () if self.shape.phi else (Term((dv,)),))
        hidden = _others(layer.v.size, self.shape.units)
        terms = tuple(Term((key_of("dv", k, j), key_of("J", k, j, i))) for j in self.shape.units)
        rest = float(layer.dv[hidden] @ layer.jacobian[hidden, i])
        return Number(key, "delta", k, (i,), value, terms, rest=rest, left_out=len(hidden))

    def _jacobian(self) -> Iterator[Number]:
        if self.layer.jacobian is None:
            return
        for j in self.shape.units:
            for i in self.shape.units:
                value = float(self.layer.jacobian[j, i])
                yield Number(key_of("J", self.k, j, i), "J", self.k, (j, i), value)

    def _product(self, letter: str, at: Index) -> tuple[Term, ...]:
        """dw_ij = x_i delta_j, db_j = delta_j."""
        if not self.layer.affine:
            return ()
        delta = key_of("delta", self.k, at[-1])
        return (Term((delta,)),) if letter == "b" else (Term((key_of("v", self.k - 1, at[0]), delta)),)


def layer_shape(
    number: int, layer: LayerPass, titles: tuple[str, str], samples: Sequence[Units], most: int
) -> LayerNumbers:
    """What is shown of layer `number` (from 1); `titles`: the layer with its arguments, and its activation."""
    inputs, units = samples[number - 1], samples[number]
    entries = tuple(_entries(name, p, layer, inputs, units, most) for name, p in layer.parameters.items())
    return LayerNumbers(number, layer.label, *titles, inputs, units, layer.v.size, entries, layer.affine)


def _entries(name: str, p: HostArray, layer: LayerPass, inputs: Units, units: Units, most: int) -> ParameterEntries:
    """Entries between units that are shown; of other parameters those of the heaviest gradients."""
    letter = LETTERS.get(name, name) if layer.affine else name
    if layer.affine and letter == "w":
        indices: tuple[Index, ...] = tuple((i, j) for j in units for i in inputs)
    elif layer.affine and letter == "b":
        indices = tuple((j,) for j in units)
    else:
        chosen = heaviest(np.abs(layer.gradients.get(name, p)), most)
        indices = tuple(tuple(map(int, np.unravel_index(i, p.shape))) for i in chosen)
    return ParameterEntries(name, letter, indices, p.size)


def _others(width: int, units: Units) -> HostArray:
    return np.setdiff1d(np.arange(width), units)
