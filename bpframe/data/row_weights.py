"""Weights of rows as a fit takes them: with a mean of 1, and rows that do not count out of the way.

Shapes: x (N, ...), target (N, M), weights (N,).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bpframe.protocols import Data


def training_data(data: Data, by_rows: bool) -> Data:
    """The data as an engine is to train on them; data without weights are themselves.

    `by_rows`: weights are divided by their mean, so that sum_i w_i loss_i / B over the B rows of a batch is, on the
    average of batches, the weighted mean over all data; otherwise they stay, for sum_i w_i loss_i / sum_i w_i.
    """
    weight = data.weight
    if weight is None:
        return data
    data = _with_stand_ins(data)
    if not by_rows:
        return data
    return replace(data, weight=(weight / weight.mean(dtype=np.float64)).astype(weight.dtype), by_rows=True)


def with_padding_row(data: Data) -> Data:
    """The data with one more row, number N, that does not count: what fills up batches of fewer rows than others."""
    ones = np.ones(len(data.target), data.x.dtype)
    first = 0 if data.mask is None else int(data.mask.argmax())
    weight, sample_weight = (ones if w is None else w for w in (data.weight, data.sample_weight))
    return replace(
        data,
        x=np.concatenate([data.x, data.x[first : first + 1]]),
        target=np.concatenate([data.target, data.target[first : first + 1]]),
        weight=np.concatenate([weight, 0 * weight[:1]]),
        sample_weight=np.concatenate([sample_weight, 0 * sample_weight[:1]]),
    )


def _with_stand_ins(data: Data) -> Data:
    """The data with copies of a row that counts in the place of those that do not.

    So none of their numbers, however large, comes into a step: 0 times a loss that overflows would be NaN.
    """
    mask = data.mask
    if mask is None:
        return data
    first = int(mask.argmax())
    x, target = data.x.copy(), data.target.copy()
    x[~mask], target[~mask] = x[first], target[first]
    return replace(data, x=x, target=target)
