"""Trees of arrays (nested dicts): leaves, map, paths, and the flat form {"dense_1/weight": w}."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeGuard

Path = tuple[str, ...]
_branches: dict[type, bool] = {}  # whether objects of a class are mappings


def leaves(tree: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """(path, leaf) of every leaf, depth first, in the order of the keys."""
    found: list[tuple[Path, Any]] = []
    _collect(tree, path, found)
    return iter(found)


def _collect(tree: Mapping[str, Any], path: Path, found: list[tuple[Path, Any]]) -> None:
    for key, node in tree.items():
        if _is_branch(node):
            _collect(node, (*path, key), found)
        else:
            found.append(((*path, key), node))


def _is_branch(node: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether it is a mapping; known by its class, since asking an abstract class takes long."""
    cls = type(node)
    if cls not in _branches:
        _branches[cls] = issubclass(cls, Mapping)
    return _branches[cls]


def flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves in one dict, the keys of their paths joined by "/"."""
    return {"/".join(path): leaf for path, leaf in leaves(tree)}


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`; neither keeps empty branches."""
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
    """Set the leaf at a path; missing branches are created."""
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    tree[path[-1]] = leaf


def transform(tree: Mapping[str, Any], function: Callable[[Any], Any]) -> dict[str, Any]:
    """The tree with `function(leaf)` in the place of every leaf (JAX's `tree.map`); empty branches stay."""
    return {key: transform(node, function) if _is_branch(node) else function(node) for key, node in tree.items()}
