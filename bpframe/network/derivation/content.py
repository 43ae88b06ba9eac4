"""The content of a derivation: backpropagation with the numbers of one row, last layer first on the way back.

    u_k = v_{k-1} w_k + b_k        v_k = phi_k(u_k)                                forward
    delta_K = dL/du_K              delta_k = (delta_{k+1} w_{k+1}^T) phi_k'        back
    dw_k = v_{k-1}^T delta_k       db_k = delta_k

The row is a batch of its own, so dw is one product and no sum over rows. Everything is computed in float64, in
evaluation mode; units count from 0, as in the arrays of a trace, layers from 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from bpframe.network.derivation.layer_numbers import LayerNumbers
from bpframe.network.derivation.number import Number, key_of
from bpframe.network.derivation.unit_sample import Units

CLOSE = 1e-5  # of a gradient and its finite difference, relative to the larger


@final
@dataclass(frozen=True)
class Rule:
    """The update: the optimizer with its arguments, and the line of its docstring that has the formula.

    `lr` is None where the update is not w - lr dw, by its numbers. `notes`: sentences about what else acts in it.
    """

    title: str
    formula: str
    lr: float | None = None
    notes: tuple[str, ...] = ()


@final
@dataclass(frozen=True)
class Facts:
    """What is known of a row besides its arrays.

    `row`: which one, from 0, `of` which rows, "the test part". `names`: those of the inputs, `classes`: those of the
    scores, empty for none; `titles`: of each layer with its arguments, and of its activation. `formula` and `link`:
    those of the loss.
    """

    row: int
    names: Sequence[str]
    classes: Sequence[str]
    titles: Sequence[tuple[str, str]]
    loss: str
    formula: str
    link: str
    rule: Rule
    of: str = ""

    @property
    def title(self) -> str:
        """ "Row 7 of the test part"."""
        return f"Row {self.row} of {self.of}" if self.of else f"Row {self.row}"


@final
@dataclass(frozen=True)
class Content:
    """One row through the network and back, each number with those that it was computed from; then the update.

    `loss` before the update, `loss_after` behind it. `layers` in the order of the forward pass; `numbers` by key.
    `width`: how many inputs there are; `shown`: those that are shown. `gap`: whether delta of the scores is p - y.
    """

    facts: Facts
    loss: float
    loss_after: float
    layers: Sequence[LayerNumbers]
    numbers: Mapping[str, Number]
    width: int
    inputs: Units
    gap: bool

    def __getitem__(self, key: str) -> Number:
        """A number by its key, "delta-2-0"."""
        return self.numbers[key]

    def value(self, letter: str, layer: int | None, *index: int) -> float:
        """The value of one number: ("delta", 2, 0) is delta of unit 0 in layer 2."""
        return self.numbers[key_of(letter, layer, *index)].value

    @property
    def differences(self) -> list[tuple[Number, Number]]:
        """(gradient, finite difference) of every parameter that is shown."""
        measured = [number for key, number in self.numbers.items() if key.startswith("measured-")]
        return [(self.numbers[f"d{number.key.removeprefix('measured-')}"], number) for number in measured]

    @property
    def disagreements(self) -> list[tuple[Number, Number]]:
        """Those of them that differ: at a kink, or where a gradient is wrong or meant to be another."""
        return [(g, m) for g, m in self.differences if not self.agree(g.value, m.value)]

    def agree(self, gradient: float, measured: float) -> bool:
        """Whether a gradient and its finite difference are the same, but for rounding."""
        scale = max(abs(gradient), abs(measured))
        return bool(abs(gradient - measured) <= CLOSE * scale + 1e-9 * max(1.0, abs(self.loss)))
