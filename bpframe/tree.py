"""Nested dicts of arrays as flat ones: {"dense_1": {"weight": w}} <-> {"dense_1/weight": w}."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Path = tuple[str, ...]


def leaves(tree: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """(path, leaf) of every leaf, depth first, in the order of the keys."""
    for key, node in tree.items():
        if isinstance(node, Mapping):
            yield from leaves(node, (*path, key))
        else:
            yield (*path, key), node


def flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    """One level, keys joined by "/"."""
    return {"/".join(path): leaf for path, leaf in leaves(tree)}


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`; empty branches are not kept by either."""
    tree: dict[str, Any] = {}
    for key, leaf in flat.items():
        assign(tree, tuple(key.split("/")), leaf)
    return tree


def at(tree: Any, path: Path) -> Any:
    """The leaf or branch at a path."""
    for key in path:
        tree = tree[key]
    return tree


def assign(tree: dict[str, Any], path: Path, leaf: Any) -> None:
    """Put a leaf at a path, making branches as needed."""
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    tree[path[-1]] = leaf


def transform(tree: Mapping[str, Any], function: Callable[[Any], Any]) -> dict[str, Any]:
    """The same tree with `function` of every leaf; empty branches stay."""
    return {
        key: transform(node, function) if isinstance(node, Mapping) else function(node) for key, node in tree.items()
    }
