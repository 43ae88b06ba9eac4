"""Layers that learn buffers from the data do so from what will reach them: behind statistics of the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp

X = np.random.default_rng(0).normal(5.0, 2.0, size=(64, 4)) * [1.0, 30.0, 1e-2, 1.0]
Y = (X @ np.array([1.0, -0.1, 20.0, 0.0]))[:, None]
Z = (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + 1e-5)


def fitted(layers: Any, **settings: Any) -> Any:
    trainer = bp.Trainer(bp.Network([*layers, bp.layers.dense(1)], inputs=4), "mse", dtype="float64", **settings)
    trainer.fit(X, Y, epochs=1, batch_size=64)
    return trainer


def test_standardize_behind_batch_norm_is_fitted_to_normalised_rows():
    trainer = fitted([bp.layers.batch_norm(), bp.layers.standardize()])
    np.testing.assert_allclose(trainer.parameters["standardize_1/buffers/mean"], Z.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(trainer.parameters["standardize_1/buffers/scale"], 1 / Z.std(axis=0), rtol=1e-10)


@pytest.mark.parametrize(
    ("layers", "name"),
    [
        ([bp.layers.sequential([bp.layers.batch_norm(), bp.layers.standardize()])], "sequential_1/standardize_1"),
        ([bp.layers.parallel([bp.layers.batch_norm()]), bp.layers.standardize()], "standardize_1"),
        ([bp.layers.sequential([bp.layers.batch_norm()]), bp.layers.standardize()], "standardize_1"),
    ],
)
def test_it_is_so_inside_and_behind_layers_that_hold_layers(layers, name):
    trainer = fitted(layers)
    np.testing.assert_allclose(trainer.parameters[f"{name}/buffers/scale"], 1 / Z.std(axis=0), rtol=1e-10)


def test_running_statistics_themselves_start_at_0_and_1():
    trainer = fitted([bp.layers.batch_norm(), bp.layers.standardize()])
    np.testing.assert_allclose(trainer.parameters["batch_norm_1/buffers/mean"], 0.1 * X.mean(axis=0), rtol=1e-12)


def test_behind_a_frozen_batch_norm_the_statistics_are_those_that_it_keeps():
    layers = [bp.layers.batch_norm(), bp.layers.standardize()]
    trainer = bp.Trainer(
        bp.Network([*layers, bp.layers.dense(1)], inputs=4),
        "mse",
        dtype="float64",
        groups=[{"match": "batch_norm_1/*", "frozen": True}],
    )
    trainer.parameters["batch_norm_1/buffers/mean"] = np.full(4, 2.0)
    trainer.fit(X, Y, epochs=1, batch_size=64)
    shown = (X - 2.0) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(trainer.parameters["standardize_1/buffers/mean"], shown.mean(axis=0), rtol=1e-12)


def test_behind_a_layer_that_draws_it_is_fitted_to_rows_without_draws():
    trainer = fitted([bp.layers.dropout(0.5), bp.layers.standardize()])
    np.testing.assert_allclose(trainer.parameters["standardize_1/buffers/mean"], X.mean(axis=0), rtol=1e-12)
