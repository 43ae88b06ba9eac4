"""Small trained models for the tests of exports, and the largest difference that an export may have."""

from __future__ import annotations

from typing import Any

import numpy as np

import bpframe as bp
from bpframe.types import HostArray

X = np.random.default_rng(0).normal(size=(60, 6)) * 3 + 5
Y = np.array(["ant", "bee", "cat"])[np.random.default_rng(1).integers(0, 3, 60)]
TOLERANCE = {"float32": (1e-6, 5e-6), "float64": (1e-12, 1e-12)}  # fixed, and times the largest number of a row


def fitted(
    layers: list[Any], loss: Any = "softmax_cross_entropy", y: Any = Y, x: HostArray = X, **parts: Any
) -> bp.Trainer:
    """A trainer after two epochs on x and y."""
    trainer = bp.Trainer(bp.Network(layers), loss, seed=1, **parts)
    trainer.fit(x, y, epochs=2, verbose=0)
    return trainer


def classifier(dtype: str = "float32", **parts: Any) -> bp.Trainer:
    """Text labels, preprocessing in the network, running statistics, dropout."""
    hidden = {"name": "dense", "units": 8, "activation": "gelu"}
    layers = ["standardize", hidden, "batch_norm", {"name": "dropout", "rate": 0.3}, {"name": "dense", "units": 3}]
    return fitted(layers, dtype=dtype, **parts)


def require_equal(got: HostArray, want: HostArray, dtype: str) -> None:
    """Rows agree as closely as an export must; NaN where NaN, infinite where infinite."""
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    fixed, relative = TOLERANCE[dtype]
    got, want = (np.asarray(a, np.float64).reshape(len(a), -1) for a in (got, want))
    assert np.array_equal(np.isnan(got), np.isnan(want))
    with np.errstate(invalid="ignore"):
        near = np.abs(got - want) <= fixed + relative * np.abs(want).max(axis=1, keepdims=True, initial=0)
    off = ~(near | (got == want) | np.isnan(want))
    assert not off.any(), (got[off][:5], want[off][:5])
