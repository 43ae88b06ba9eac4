"""Layers learn from blocks of rows what they learn from all rows at once, in whatever way rows are cut."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, DataError
from bpframe.testing import check
from bpframe_layers.standardize import Standardize

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3)) * [1.0, 50.0, 1e-3] + [5.0, 1e4, 0.0]
Y = (X[:, 0] > 5).astype(int)
CUTS = [[60], [1, 2, 100], list(range(1, 120))]


def trainer(layers: list[Any], **parts: Any) -> bp.Trainer:
    return bp.Trainer(bp.Network([*layers, bp.layers.dense(2)]), "softmax_cross_entropy", dtype="float64", **parts)


def chain() -> list[Any]:
    """Layers that learn one behind the other, and inside others."""
    inside = bp.layers.sequential([bp.layers.dense(4, activation="tanh"), "standardize", "standardize"])
    return [
        "standardize",
        bp.layers.residual([bp.layers.dense(3), "standardize"]),
        bp.layers.parallel([inside, "standardize"]),
    ]


def fitted_at_once(layers: list[Any], **options: Any) -> dict[str, np.ndarray]:
    made = trainer(layers, optimizer={"name": "sgd", "lr": 0.0})
    made.fit(X, Y, epochs=1, verbose=0, **options)
    return made.parameters.copy()


@pytest.mark.parametrize("cuts", CUTS, ids=["two", "four", "rows"])
def test_cuts_do_not_matter_and_all_layers_learn_what_they_do_of_all_rows(cuts):
    want, made = fitted_at_once(chain()), trainer(chain())
    made.fit_layers(np.split(X, cuts))
    assert any(name.endswith("scale") for name in want)
    for name, value in want.items():
        np.testing.assert_allclose(made.parameters[name], value, rtol=1e-10, atol=1e-12)


def test_blocks_may_have_weights_and_rows_of_weight_0_are_left_out():
    weight = np.arange(120) % 4.0
    cuts = [1, 50, 90]  # the first block is a row of weight 0
    blocks = list(zip(np.split(X, cuts), np.split(weight, cuts), strict=True))
    made = trainer(["standardize"])
    made.fit_layers(blocks)
    for name, value in fitted_at_once(["standardize"], sample_weight=weight).items():
        np.testing.assert_allclose(made.parameters[name], value, rtol=1e-12)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_later_fits_leave_what_was_learned_and_a_copy_and_a_file_know_it(engine, tmp_path: Path):
    made = trainer(["standardize"], engine=engine)
    made.fit_layers(lambda: iter(np.split(X, 4)))
    mean = made.parameters["standardize_1/buffers/mean"]
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-12)
    other = copy.deepcopy(made)
    made.save(tmp_path / "model")
    loaded = bp.Trainer.load(tmp_path / "model", engine=engine)
    for each in (made, other, loaded):
        each.fit(X[:40] + 3, Y[:40], epochs=2, verbose=0)
        np.testing.assert_array_equal(each.parameters["standardize_1/buffers/mean"], mean)
    assert other.parameters["dense_1/weight"].tobytes() == made.parameters["dense_1/weight"].tobytes()


def test_blocks_that_are_tables_and_mappings_are_read_by_their_names():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c"])
    made = trainer(["standardize"])
    made.fit_layers([table[:50], table[50:][["c", "b", "a"]]])
    np.testing.assert_allclose(made.parameters["standardize_1/buffers/mean"], X.mean(axis=0), rtol=1e-12)
    assert made.task.columns == ("a", "b", "c")
    branches = [bp.layers.sequential([bp.layers.select(name), "standardize"]) for name in ("first", "rest")]
    several = trainer([bp.layers.parallel(branches)])
    several.fit_layers([{"first": X[i:j, :1], "rest": X[i:j, 1:]} for i, j in ((0, 30), (30, 120))])
    means = [several.parameters[f"parallel_1/sequential_{k}/standardize_1/buffers/mean"] for k in (1, 2)]
    np.testing.assert_allclose(np.concatenate(means), X.mean(axis=0), rtol=1e-12)


def test_a_large_offset_is_subtracted_as_in_a_first_fit():
    seconds = 1.7e9 + np.arange(120.0)[:, None]
    made = bp.Trainer(bp.Network(["standardize", bp.layers.dense(2)]), "softmax_cross_entropy")
    made.fit_layers(np.split(seconds, 3))
    made.fit(seconds, Y, epochs=1, verbose=0)
    (shown,) = (layer.v for layer in made.trace(seconds, Y).layers if layer.name == "standardize_1")
    np.testing.assert_allclose(shown, (seconds - seconds.mean()) / seconds.std(), atol=1e-5)


@dataclass(frozen=True)
class AtOnce:
    """Learns from all rows at once."""

    def init(self, rng, in_shape):
        return {"buffers": {"middle": np.zeros(in_shape)}}, in_shape

    def fit(self, params, x):
        return {"buffers": {"middle": np.median(x, axis=0)}}

    def forward(self, params, x, context):
        return x - params["buffers"]["middle"], None

    def backward(self, params, cache, dy, context):
        return dy, {}


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([AtOnce()], "'atonce_1', which learns from all rows at once: it has no fit_block, merge and fit_merged"),
        ([bp.layers.sequential([AtOnce()])], "'sequential_1', which learns from all rows at once"),
        ([bp.layers.dense(3, weight_initializer="lsuv")], "'dense_1', whose parameters start from all rows"),
        (["batch_norm", "standardize"], "'batch_norm_1', whose statistics of all rows the layers behind it learn from"),
    ],
)
def test_layers_that_need_all_rows_at_once_are_named(layers, text):
    with pytest.raises(ConfigError, match=text):
        trainer(layers).fit_layers([X])


def test_blocks_that_end_or_hold_nothing_and_a_call_behind_a_fit_are_refused():
    blocks: Iterator[Any] = iter([X])
    with pytest.raises(ConfigError, match="that it can go through again"):
        trainer(["standardize"]).fit_layers(blocks)
    with pytest.raises(DataError, match="at least one block of rows, got none"):
        trainer(["standardize"]).fit_layers([])
    with pytest.raises(DataError, match="one row whose weight is above 0"):
        trainer(["standardize"]).fit_layers([(X, np.zeros(120))])
    with pytest.raises(DataError, match=r"x or \(x, sample_weight\), got a tuple of 3"):
        trainer(["standardize"]).fit_layers([(X, X, X)])
    made = trainer(["standardize"])
    made.fit(X, Y, epochs=1, verbose=0)
    with pytest.raises(ConfigError, match="before the first fit"):
        made.fit_layers([X])


def test_numbers_whose_squares_overflow_are_merged_in_units_of_the_largest():
    layer, x = Standardize(), np.array([[1e200, 1.0], [-3e200, 2.0], [2e180, 3.0], [1.0, 4.0]])
    params = layer.init(RNG, (2,))[0]
    known = [layer.fit_block(params, x[i : i + 1], None) for i in range(4)]
    merged = known[0]
    for each in known[1:]:
        merged = layer.merge(merged, each)
    for name, value in layer.fit(params, x)["buffers"].items():
        np.testing.assert_allclose(layer.fit_merged(params, merged)["buffers"][name], value, rtol=1e-12)


@dataclass(frozen=True)
class Careless(AtOnce):
    """Takes the mean of means, however many rows they are of."""

    def fit(self, params, x):
        return {"buffers": {"middle": np.mean(x, axis=0)}}

    def fit_block(self, params, x, weight):
        return {"mean": np.mean(x, axis=0)}

    def merge(self, a, b):
        return {"mean": (a["mean"] + b["mean"]) / 2}

    def fit_merged(self, params, known):
        return {"buffers": {"middle": known["mean"]}}


def test_the_kit_finds_a_merge_that_forgets_how_many_rows_a_block_has():
    bp.register("layer", "careless", Careless, replace=True)
    failed = check("layer", "careless", collect=True).failed
    assert "blocks, beside all rows at once" in failed["fit by blocks"]
