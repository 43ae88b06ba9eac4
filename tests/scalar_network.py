"""A network in plain Python numbers, one at a time: what the arrays of a trainer are compared with.

It shares no code with bpframe: its forward pass is nested loops, and every slope is a difference quotient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = list[float]
Rows = list[Row]

PHI: dict[str, Callable[[float], float]] = {
    "identity": lambda u: u,
    "sigmoid": lambda u: 1 / (1 + math.exp(-u)),
    "tanh": lambda u: (math.exp(2 * u) - 1) / (math.exp(2 * u) + 1),
    "relu": lambda u: u if u > 0 else 0.0,
    "elu": lambda u: u if u > 0 else math.exp(u) - 1,
    "softplus": lambda u: math.log(1 + math.exp(u)),
}


def softmax(u: Row) -> Row:
    """exp(u_i) / sum_j exp(u_j)."""
    e = [math.exp(number) for number in u]
    return [number / sum(e) for number in e]


LOSS: dict[str, Callable[[Row, Row], float]] = {
    "mse": lambda z, y: sum((a - b) ** 2 for a, b in zip(z, y, strict=True)) / 2,
    "huber": lambda z, y: sum(
        (a - b) ** 2 / 2 if abs(a - b) <= 1 else abs(a - b) - 0.5 for a, b in zip(z, y, strict=True)
    ),
    "cross_entropy": lambda p, y: -sum(b * math.log(a) for a, b in zip(p, y, strict=True)),
    "softmax_cross_entropy": lambda z, y: -sum(b * math.log(a) for a, b in zip(softmax(z), y, strict=True)),
    "sigmoid_cross_entropy": lambda z, y: (
        -sum(
            b * math.log(PHI["sigmoid"](a)) + (1 - b) * math.log(1 - PHI["sigmoid"](a))
            for a, b in zip(z, y, strict=True)
        )
    ),
}


@dataclass(frozen=True)
class Part:
    """A layer: "dense", "activation" or "standardize", and the name of its activation."""

    label: str
    kind: str
    activation: str | None = None


@dataclass(frozen=True)
class Nudge:
    """`size` added to u of part number `part`, at one row and column."""

    part: int
    row: int
    column: int
    size: float


@dataclass(frozen=True)
class Seen:
    """What passed through a part."""

    x: Rows
    u: Rows
    v: Rows


def forward(parts: Sequence[Part], p: Mapping[str, Any], x: Rows, nudge: Nudge | None = None) -> list[Seen]:
    """Every part's x, u and v; parameters as nested lists by "label/name"."""
    seen: list[Seen] = []
    v = x
    for k, part in enumerate(parts):
        entering = v
        u = [_pre(part, p, row) for row in v]
        if nudge is not None and nudge.part == k:
            u[nudge.row][nudge.column] += nudge.size
        v = [_value(part.activation, row) for row in u]
        seen.append(Seen(entering, u, v))
    return seen


def mean_loss(loss: str, scores: Rows, target: Rows, weight: Row) -> float:
    """sum w loss / sum w."""
    return sum(w * LOSS[loss](z, y) for z, y, w in zip(scores, target, weight, strict=True)) / sum(weight)


def slope(f: Callable[[float], float], h: float = 1e-3) -> float:
    """f'(0) by five points, the middle one not needed; exact to h^4."""
    return (f(-2 * h) - 8 * f(-h) + 8 * f(h) - f(2 * h)) / (12 * h)


def _pre(part: Part, p: Mapping[str, Any], row: Row) -> Row:
    if part.kind == "standardize":
        mean, scale = p[f"{part.label}/buffers/mean"], p[f"{part.label}/buffers/scale"]
        return [(number - m) * s for number, m, s in zip(row, mean, scale, strict=True)]
    if part.kind == "activation":
        return list(row)
    w = p[f"{part.label}/weight"]
    b = p.get(f"{part.label}/bias", [0.0] * len(w[0]))
    return [sum(row[i] * w[i][j] for i in range(len(row))) + b[j] for j in range(len(b))]


def _value(activation: str | None, row: Row) -> Row:
    if activation == "softmax":
        return softmax(row)
    return [PHI[activation or "identity"](number) for number in row]
