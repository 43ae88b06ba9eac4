"""Sums over pieces of a batch in a loop of XLA: on a CPU each piece's copies stay in the cache.

Shapes: x (B, *S, C), dy (B, *O, F); of a piece P of the B rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

Form = Callable[[Any, Any], Any]


def sum_of_pieces(form: Form, rows: int, x: Any, dy: Any) -> Any:
    """The sum of form(x, dy) over pieces of so many rows, and over the rest of the batch."""
    count = len(x) // rows
    if count < 2:
        return form(x, dy)
    pieces = [each[: count * rows].reshape(count, rows, *each.shape[1:]) for each in (x, dy)]

    def add(total: Any, piece: Any) -> tuple[Any, None]:
        return total + form(*piece), None

    total, _ = lax.scan(add, jnp.zeros_like(form(x[:rows], dy[:rows])), pieces)
    return total + form(x[count * rows :], dy[count * rows :]) if len(x) % rows else total
