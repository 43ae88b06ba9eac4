"""Optimizer state as one tree of arrays, by group, piece and component, and back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from bpframe import tree
from bpframe.types import Shape

States = Sequence[Sequence[Sequence[Mapping[str, Any]]]]  # by group, piece, and component with a state


def to_tree(states: States) -> dict[str, Any]:
    """Copies of every array and number in the states, in a tree whose keys are their numbers as texts."""
    return {
        str(k): {
            str(i): {str(c): tree.transform(state, np.array) for c, state in enumerate(components)}
            for i, components in enumerate(pieces)
        }
        for k, pieces in enumerate(states)
    }


def from_tree(template: States, saved: Mapping[str, Any]) -> list[list[list[dict[str, Any]]]]:
    """States with the values of such a tree, whose empty branches may be missing, built as `template`."""

    def branch(*place: int) -> Any:
        node = saved
        for number in place:
            node = node.get(str(number), {})
        return node

    return [
        [[as_in(state, branch(k, i, c)) for c, state in enumerate(components)] for i, components in enumerate(pieces)]
        for k, pieces in enumerate(template)
    ]


def as_in(template: Any, value: Any, grown: Collection[Shape] = ()) -> Any:
    """A copy of the value in the type that it has in `template`, and of what a rule fills in later than `template`.

    A copy, since programs write in place, and what was read may be read-only, such as a mapped file.
    Keys keep their order in `template`; a number that a file keeps as an array without axes is a number again.
    ValueError for another shape, and for a value that is missing: what is filled in later are numbers without axes.
    `grown`: shapes of arrays beside it, which a number without axes may have, too: one for each element of a parameter.
    """
    if isinstance(value, Mapping):
        if not isinstance(template, Mapping | None):
            raise ValueError(f"an optimizer's state needs an array of shape {np.shape(template)}, which is missing")
        present = template if isinstance(template, Mapping) else {}
        keys = [*present, *(key for key in value if key not in present)]
        shapes = {np.shape(leaf) for leaf in present.values() if not isinstance(leaf, Mapping)}
        return {key: as_in(present.get(key), value.get(key, {}), shapes) for key in keys}
    own = np.shape(template if template is not None else 0)
    fits = np.shape(value) in ((own, *grown) if own == () and template is not None else (own,))
    if isinstance(template, Mapping) or not fits:
        raise ValueError(f"an optimizer's state needs shape {np.shape(template)}, got {np.shape(value)}")
    if isinstance(template, bool | int | float):
        return type(template)(value)
    return value[()] if isinstance(template, np.generic) else np.array(value)
