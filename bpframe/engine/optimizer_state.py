"""What rules remember as one tree of arrays, by group, piece and component, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bpframe import tree

States = Sequence[Sequence[Sequence[Mapping[str, Any]]]]  # by group, piece, and component that remembers


def gathered(states: States) -> dict[str, Any]:
    """Copies of every array and number in the states, in a tree whose keys are their numbers as texts."""
    return {
        str(k): {
            str(i): {str(c): tree.transform(state, np.array) for c, state in enumerate(components)}
            for i, components in enumerate(pieces)
        }
        for k, pieces in enumerate(states)
    }


def restored(like: States, found: Mapping[str, Any]) -> list[list[list[dict[str, Any]]]]:
    """States with the values of such a tree, whose empty branches may be missing, built as `like`."""

    def own(*place: int) -> Any:
        node = found
        for number in place:
            node = node.get(str(number), {})
        return node

    return [
        [[alike(state, own(k, i, c)) for c, state in enumerate(components)] for i, components in enumerate(pieces)]
        for k, pieces in enumerate(like)
    ]


def alike(like: Any, value: Any) -> Any:
    """The value in the type that it has in `like`; what `like` does not know of (a rule may fill its state later) too.

    Keys keep their order in `like`; a number that a file keeps as an array without axes is a number again.
    """
    if isinstance(value, Mapping):
        known = like if isinstance(like, Mapping) else {}
        keys = [*known, *(key for key in value if key not in known)]
        return {key: alike(known.get(key), value.get(key, {})) for key in keys}
    if isinstance(like, bool | int | float):
        return type(like)(value)
    return value[()] if isinstance(like, np.generic) else value
