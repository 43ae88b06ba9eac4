"""The derivation of backpropagation with the numbers of one row, as a trace hands it out: to print and to save."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import final

from bpframe import layout
from bpframe.network.derivation.content import Content
from bpframe.network.derivation.derivation_page import derivation_frame, derivation_page
from bpframe.network.derivation.derivation_text import derivation_lines
from bpframe.network.derivation.number import Number


@final
@dataclass(frozen=True, repr=False)
class Derivation:
    """One row through the network and back, last layer first, then the update; every number with its sources.

    The row is a batch of its own, in evaluation mode and float64, so dw is one product and no sum over rows. Units
    count from 0, as in the arrays of a trace, layers from 1. `print` gives text for a terminal, `html` a page.
    """

    content: Content

    @property
    def row(self) -> int:
        """Which row of the trace, from 0."""
        return self.content.facts.row

    @property
    def loss(self) -> float:
        """The loss of the row."""
        return self.content.loss

    @property
    def loss_after(self) -> float:
        """Its loss after one update by the trainer's own rule, made with this row alone."""
        return self.content.loss_after

    @property
    def numbers(self) -> Mapping[str, Number]:
        """Every number that is shown, by its key, "delta-2-0"."""
        return self.content.numbers

    def value(self, letter: str, layer: int | None, *index: int) -> float:
        """The value of a number: ("delta", 2, 0) is delta of unit 0 in layer 2."""
        return self.content.value(letter, layer, *index)

    @property
    def differences(self) -> list[tuple[Number, Number]]:
        """(gradient, finite difference) of every parameter that is shown."""
        return self.content.differences

    def numbered(self, row: int, of: str = "") -> Derivation:
        """The same under another number: row 7 of "the test part", say."""
        return replace(self, content=replace(self.content, facts=replace(self.content.facts, row=row, of=of)))

    def html(self) -> str:
        """A page of its own: MathML, no network, no library; touching a number shows where it came from."""
        return derivation_page(self.content)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file."""
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(self.html())

    def __repr__(self) -> str:
        return f"<Derivation of row {self.row}: loss {self.loss:.6g}, {self.loss_after:.6g} after the update>"

    def __str__(self) -> str:
        return "\n".join(derivation_lines(self.content, layout.terminal_width()))

    def _repr_html_(self) -> str:
        return derivation_frame(self.content)
