"""Ragged sequences, rows of several lengths: filled up to one length, with the weights that say which steps count.

Shapes: N sequences (T_i, ...), x (N, T, ...), weight (N, T).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bpframe.errors import DataError, ShapeError
from bpframe.types import HostArray


def pad_sequences(
    sequences: Sequence[Any], length: int | None = None, value: float = 0.0
) -> tuple[HostArray, HostArray]:
    """(x (N, T, ...), weight float32 (N, T)) of sequences (T_i, ...): each with `value` behind its end, weight 0 there.

    T is `length`, by default that of the longest. As sample weights the second keeps padding out of losses and metrics;
    `mask_value` of recurrent layers, `mask_zeros` of attention and `padding_idx` of embedding keep it out of a network.
    Errors: ShapeError for a sequence that is longer, or whose steps are of another shape; DataError where there is
    none, or what is no number.
    """
    rows = [np.asarray(sequence) for sequence in sequences]
    if not rows:
        raise DataError("pad_sequences needs at least one sequence, got none.")
    longest = max((len(row) if row.ndim else 0) for row in rows)
    steps = longest if length is None else length
    for k, row in enumerate(rows):
        if row.ndim == 0 or row.shape[1:] != rows[0].shape[1:]:
            raise ShapeError(
                f"pad_sequences needs sequences of steps of one shape, {rows[0].shape[1:]}, got shape {row.shape} at "
                f"number {k}."
            )
        if row.size and row.dtype.kind not in "biuf":
            raise DataError(f"pad_sequences needs numbers, got {row.dtype} at number {k}. Encode them.")
        if len(row) > steps:
            raise ShapeError(
                f"pad_sequences needs sequences of at most {steps} steps, got {len(row)} at number {k}. Cut it, or "
                "give a longer length."
            )
    dtype = np.result_type(*(row.dtype for row in rows if row.size), np.min_scalar_type(value))
    x = np.full((len(rows), steps, *rows[0].shape[1:]), value, dtype)
    for filled, row in zip(x, rows, strict=True):
        filled[: len(row)] = row
    weight = np.arange(steps) < np.array([len(row) for row in rows])[:, None]
    return x, weight.astype(np.float32)
