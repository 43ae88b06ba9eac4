"""Shapes of nodes whose lengths are all known."""

from __future__ import annotations

from math import prod

from bpframe.export.graph import GraphNode
from bpframe.types import Shape


def lengths(node: GraphNode) -> Shape:
    """The shape of a node in which no length is open."""
    return tuple(int(n) for n in node.shape)  # type: ignore[arg-type]  # `at_length` has made them numbers


def size(node: GraphNode) -> int:
    """How many numbers a node gives."""
    return prod(lengths(node))
