"""A number of a derivation: its symbol, its value, and the numbers that it was computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

Index = tuple[int, ...]


@final
@dataclass(frozen=True)
class Term:
    """One product of a sum, its factors by their keys; `sign` 1 or -1."""

    factors: tuple[str, ...]
    sign: int = 1


@final
@dataclass(frozen=True)
class Number:
    """One number: a `letter` with the number of its layer (from 1; None: of no layer) and its indices (from 0).

    It is the sum of `terms`, and of `rest`, the sum of `left_out` terms that are not shown. `function` is what was
    applied to that, "tanh" or "log"; without terms it was given. `name`: that of an input or a class.
    """

    key: str
    letter: str
    layer: int | None
    index: Index
    value: float
    terms: tuple[Term, ...] = ()
    function: str = ""
    rest: float = 0.0
    left_out: int = 0
    name: str = ""

    @property
    def sources(self) -> list[str]:
        """The keys of the numbers it was computed from, each once."""
        return list(dict.fromkeys(key for term in self.terms for key in term.factors))


def key_of(letter: str, layer: int | None, *index: int) -> str:
    """The key of a number: "delta-2-0" is delta of unit 0 in layer 2, "w-1-3.0" the weight from input 3 to unit 0."""
    return f"{letter}-{'' if layer is None else layer}-{'.'.join(map(str, index))}"
