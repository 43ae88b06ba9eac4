"""Plots of parameters: distributions over time, kernels and feature maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

import bpframe as bp
from bpframe.errors import ConfigError, ShapeError
from bpframe.plot.image_grid import sample, tiled

RNG = np.random.default_rng(0)
SHAPES = {"a/weight": (5, 4), "a/bias": (4,), "b/weight": (4, 2)}
SNAPSHOTS = [
    (
        10 * t,
        {"a/weight": RNG.normal(t, 1, size=(5, 4)), "a/bias": RNG.normal(size=4), "b/weight": RNG.normal(size=(4, 2))},
    )
    for t in range(4)
]


def middle(ax: Any) -> Any:
    return next(line for line in ax.lines if line.get_label() == "median").get_xydata()


def test_distributions_of_weights_have_a_panel_each_with_quantiles_over_time() -> None:
    axes = bp.plot.weight_distributions(SNAPSHOTS, time="step")
    assert [ax.get_title(loc="left") for ax in axes] == ["a/weight", "b/weight"]
    medians = [[time, np.median(params["a/weight"])] for time, params in SNAPSHOTS]
    assert middle(axes[0]) == pytest.approx(np.array(medians))
    assert (axes[0].get_xlabel(), axes[0].get_ylabel()) == ("step", "weights")
    bands = {c.get_label(): c for c in axes[0].collections if isinstance(c, PolyCollection)}
    assert list(bands) == ["all", "90%", "50%"]
    last = SNAPSHOTS[-1][1]["a/weight"]
    for name, levels in (("all", (0, 1)), ("90%", (0.05, 0.95)), ("50%", (0.25, 0.75))):
        corners = bands[name].get_paths()[0].vertices
        at_the_end = corners[corners[:, 0] == 30, 1]
        assert (at_the_end.min(), at_the_end.max()) == pytest.approx(tuple(np.quantile(last, levels)))


def test_distributions_of_updates_are_those_of_differences() -> None:
    axes = bp.plot.update_distributions(SNAPSHOTS, ["a/bias"])
    before, after = SNAPSHOTS[1][1]["a/bias"], SNAPSHOTS[2][1]["a/bias"]
    assert middle(axes[0])[1] == pytest.approx([20, np.median(after - before)])
    assert len(middle(axes[0])) == 3
    with pytest.raises(ConfigError, match="two snapshots at least, got 1"):
        bp.plot.update_distributions(SNAPSHOTS[:1])
    with pytest.raises(ConfigError, match="parameters of every snapshot, got 'c/weight': a/weight, a/bias, b/weight"):
        bp.plot.weight_distributions(SNAPSHOTS, ["c/weight"])
    with pytest.raises(ConfigError, match="need a snapshot at least, got none"):
        bp.plot.weight_distributions([])


def test_weights_and_their_updates_stand_below_each_other() -> None:
    axes = bp.plot.weight_panels(SNAPSHOTS)
    shown = [(ax.get_title(loc="left"), ax.get_ylabel()) for ax in axes]
    assert shown == [(name, what) for what in ("weights", "updates") for name in ("a/weight", "b/weight")]
    assert np.array_equal(middle(axes[1]), middle(bp.plot.weight_distributions(SNAPSHOTS)[1]))
    assert np.array_equal(middle(axes[3]), middle(bp.plot.update_distributions(SNAPSHOTS)[1]))


def test_tiles_hold_each_image_once_with_lines_between() -> None:
    images = np.arange(5 * 2 * 3, dtype=float).reshape(5, 2, 3)
    tiles = tiled(images)
    assert tiles.shape == (3 * 3 - 1, 2 * 4 - 1)
    assert np.array_equal(tiles[3:5, 4:7], images[3])
    assert sorted(tiles[~np.isnan(tiles)]) == list(range(30))
    assert np.isnan(tiles[2]).all()
    assert np.isnan(tiles[:, 3]).all()


def test_kernels_of_a_dense_layer_are_images_of_its_inputs() -> None:
    weight = RNG.normal(size=(6, 4))
    ax = bp.plot.kernels(weight, (2, 3))
    assert np.array_equal(np.asarray(ax.images[0].get_array())[:2, :3], weight[:, 0].reshape(2, 3))
    low, high = ax.images[0].get_clim()
    assert (low, high) == (-np.abs(weight).max(), np.abs(weight).max())
    assert ax.get_title(loc="left") == "4 kernels"
    assert np.asarray(bp.plot.kernels(RNG.normal(size=(9, 1))).images[0].get_array()).shape == (3, 3)
    with pytest.raises(ShapeError, match=r"the shape \(H, W\) of an image of 6 inputs, got \(2, 2\)"):
        bp.plot.kernels(weight, (2, 2))
    with pytest.raises(ShapeError, match=r"weights \(n, units\) or \(h, w, C, filters\), got \(3,\)"):
        bp.plot.kernels(np.ones(3))


def test_weights_below_0_have_a_dash_by_which_they_differ_in_print() -> None:
    ax = bp.plot.kernels(np.array([[-1.0, 0.5], [0.8, -0.5], [-0.01, 0.0], [0.0, 1.0]]))
    (dashes,) = ax.collections
    assert [segment.mean(axis=0).tolist() for segment in dashes.get_segments()] == [[0, 0], [4, 0]]
    assert dashes.get_colors()[:, :3].tolist() == [[1, 1, 1], [0, 0, 0]]
    assert not bp.plot.kernels(-np.ones((1225, 1))).collections
    assert not bp.plot.feature_maps(-np.ones((2, 2, 1))).collections


def test_kernels_of_a_convolution_are_its_filters_channel_by_channel() -> None:
    weight = RNG.normal(size=(3, 2, 2, 5))
    tiles = np.asarray(bp.plot.kernels(weight).images[0].get_array())
    assert np.array_equal(tiles[:3, :2], weight[:, :, 0, 0])
    assert np.array_equal(tiles[:3, 3:5], weight[:, :, 1, 0])
    assert np.array_equal(tiles[:3, 6:8], weight[:, :, 0, 1])


def test_of_many_images_a_sample_is_shown_that_says_so() -> None:
    ax = bp.plot.kernels(RNG.normal(size=(4, 100)), most=9)
    assert ax.get_title(loc="left") == "9 of 100 kernels"
    assert sample(100, 9).tolist() == [0, 12, 25, 37, 50, 62, 74, 87, 99]
    assert sample(3, 9).tolist() == [0, 1, 2]
    with pytest.raises(ConfigError, match="room for one at least, got 0"):
        sample(3, 0)


def test_feature_maps_are_the_channels_of_a_row() -> None:
    layers = [bp.layers.reshape((4, 4, 1)), bp.layers.conv2d(3, kernel_size=2, activation="relu")]
    network = bp.Network([*layers, bp.layers.flatten(), bp.layers.dense(2)])
    trainer = bp.Trainer(network, "softmax_cross_entropy")
    x, y = RNG.normal(size=(8, 16)), RNG.integers(0, 2, size=8)
    trainer.fit(x, y, epochs=1)
    values = trainer.trace(x, y).layers[1].v[5]
    ax = bp.plot.feature_maps(values)
    assert np.array_equal(np.asarray(ax.images[0].get_array())[:3, 4:7], values[:, :, 1])
    assert ax.get_title(loc="left") == "3 maps"
    with pytest.raises(ShapeError, match=r"the values \(H, W, C\) of one row, got \(8, 3, 3, 3\)"):
        bp.plot.feature_maps(trainer.trace(x, y).layers[1].v)
