"""Ties: parameters that are another one, or its transpose.  One array is trained, with the sum of both gradients.

w (n, m) the source, w or w^T the target.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from bpframe import tree
from bpframe.errors import ConfigError
from bpframe.protocols import Group, Tie
from bpframe.types import Params

TRANSPOSED = ".T"


def parse_ties(given: Mapping[str, str] | None) -> tuple[Tie, ...]:
    """Ties from {"decoder/weight": "encoder/weight.T"}: target, and source with ".T" for its transpose."""
    if not given:
        return ()
    if not isinstance(given, Mapping) or not all(isinstance(text, str) for pair in given.items() for text in pair):
        raise ConfigError(f"Network needs a mapping from names of parameters to others as tie, got {given!r}.")
    ties = []
    for target, source in given.items():
        name = source.removesuffix(TRANSPOSED)
        if name in given or name == target:
            raise ConfigError(f"Network needs sources in tie that are trained themselves, got '{source}', tied itself.")
        ties.append(Tie(tuple(target.split("/")), tuple(name.split("/")), name != source))
    return tuple(ties)


def as_mapping(ties: Iterable[Tie]) -> dict[str, str]:
    """The mapping that `parse_ties` takes."""
    return {"/".join(tie.target): "/".join(tie.source) + TRANSPOSED * tie.transposed for tie in ties}


def join(params: Params, ties: Iterable[Tie]) -> Params:
    """Parameters in which every target is what its source gives; ConfigError for names or shapes that do not fit."""
    shapes = {path: np.shape(leaf) for path, leaf in tree.leaves(params) if "buffers" not in path}
    for tie in ties:
        for path in (tie.target, tie.source):
            if path not in shapes:
                known = ", ".join(map("/".join, shapes))
                raise ConfigError(f"Network has no parameter '{'/'.join(path)}' to tie. Parameters: {known}.")
        source = np.shape(of_source(tie, tree.at(params, tie.source)))
        if source != shapes[tie.target]:
            text = as_mapping([tie])["/".join(tie.target)]
            hint = "" if source != shapes[tie.target][::-1] else f" Take its transpose, '{'/'.join(tie.source)}.T'."
            raise ConfigError(
                f"Network cannot tie {'/'.join(tie.target)} {shapes[tie.target]} to {text} {source}.{hint}"
            )
        tree.assign(params, tie.target, np.array(of_source(tie, tree.at(params, tie.source))))
    return params


def of_source(tie: Tie, array: Any) -> Any:
    """The target that a source makes, and the source's share of a gradient that the target makes."""
    return array.T if tie.transposed else array


def sum_gradients(gradients: Params, ties: Iterable[Tie]) -> None:
    """Add the gradient of each target to that of its source, in the tree."""
    for tie in ties:
        own, more = tree.at(gradients, tie.source), of_source(tie, tree.at(gradients, tie.target))
        tree.assign(gradients, tie.source, own + more)


def tied(ties: Iterable[Tie], path: tree.Path) -> Iterator[Tie]:
    """The ties of a source."""
    return (tie for tie in ties if tie.source == path)


def joined(values: Mapping[tree.Path, Any], groups: Iterable[Group]) -> dict[tree.Path, Any]:
    """Values to be set by path, with those of what is tied to them; where both are given, the source's hold."""
    found = dict(values)
    for tie in (tie for group in groups for tie in group.ties):
        if tie.source in values:
            found[tie.target] = of_source(tie, values[tie.source])
        elif tie.target in values:
            found[tie.source] = of_source(tie, values[tie.target])
    return found
