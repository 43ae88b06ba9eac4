"""The law of layers that say they remove offsets, and a layer that says so and does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckFailed
from bpframe.testing.kinds import layer_buffers
from bpframe.testing.laws.layer_run import LayerRun


@dataclass(frozen=True)
class Halved:
    """y = x - mean / 2, which claims to remove offsets."""

    removes_offset = True

    def init(self, rng, in_shape):
        return {"buffers": {"mean": np.zeros(in_shape)}}, in_shape

    def fit(self, params, x):
        return {"buffers": {"mean": x.mean(axis=0, dtype=np.float64)}}

    def forward(self, params, x, context):
        return x - params["buffers"]["mean"] / 2, None

    def backward(self, params, cache, dy, context):
        return dy, {}


def test_standardize_keeps_the_law_and_half_of_a_mean_does_not():
    layer_buffers.require_fit(LayerRun.of(bp.layers.standardize(), (3,)))
    with pytest.raises(CheckFailed, match="outputs for inputs to which 64 was added"):
        layer_buffers.require_fit(LayerRun.of(Halved(), (3,)))
