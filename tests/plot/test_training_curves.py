"""Training curves: what the lines of a picture are, which panels there are, and which epoch is marked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from scipy import stats

import bpframe as bp
from bpframe.errors import ConfigError

CURVES = {
    "epoch": [1, 2, 3, 4],
    "step": [10, 20, 30, 40],
    "lr": [0.1, 0.1, 0.01, 0.01],
    "train.loss": [4.0, 2.0, 1.0, 0.5],
    "train.objective": [4.0, 2.0, 1.0, 0.5],
    "validation.loss": [4.0, 3.0, 2.5, 3.5],
    "validation.accuracy": [0.2, 0.5, 0.4, 0.6],
}


def lines(ax: Any) -> dict[str, Any]:
    return {line.get_label(): line for line in ax.lines}


def legend(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def history(seed: int = 0, epochs: int = 3) -> bp.History:
    x, y = bp.datasets.moons(60, seed=0)
    network = bp.Network([bp.layers.dense(4, activation="tanh"), bp.layers.dense(2)])
    trainer = bp.Trainer(network, "softmax_cross_entropy", bp.optimizers.adam(lr=0.05), seed=seed)
    return trainer.fit(x[:40], y[:40], epochs=epochs, validation=(x[40:], y[40:]))


def test_a_curve_has_a_line_for_each_part_and_a_mark_at_the_best_epoch() -> None:
    ax = bp.plot.training_curves(CURVES)
    drawn = lines(ax)
    assert drawn["train"].get_xydata().tolist() == [[1, 4.0], [2, 2.0], [3, 1.0], [4, 0.5]]
    assert drawn["validation"].get_xydata().tolist() == [[1, 4.0], [2, 3.0], [3, 2.5], [4, 3.5]]
    assert (drawn["train"].get_linestyle(), drawn["validation"].get_linestyle()) == ("--", "-")
    assert drawn["best epoch"].get_xydata().tolist() == [[3, 2.5]]
    assert legend(ax) == ["validation", "train", "best epoch: 3"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "linear")


def test_the_best_epoch_follows_the_curve_that_is_named() -> None:
    falling = bp.plot.training_curves(CURVES, best="-validation.accuracy")
    assert lines(falling)["best epoch"].get_xydata().tolist() == [[4, 3.5]]
    rising = bp.plot.training_curves(CURVES, best="validation.accuracy")
    assert lines(rising)["best epoch"].get_xydata().tolist() == [[1, 4.0]]
    assert "best epoch" not in lines(bp.plot.training_curves(CURVES, best="validation.r2"))


def test_without_validation_the_best_epoch_is_that_of_training() -> None:
    ax = bp.plot.training_curves({"train.loss": [3.0, 1.0, 2.0]})
    assert lines(ax)["best epoch"].get_xydata().tolist() == [[2, 1.0]]


def test_a_history_is_drawn_as_it_is() -> None:
    found = history()
    axes = found.plot()
    assert [ax.get_ylabel() for ax in axes] == ["loss", "accuracy"]
    for ax, name in zip(axes, ("loss", "accuracy"), strict=True):
        assert lines(ax)["train"].get_ydata().tolist() == found.train[name]
        assert lines(ax)["validation"].get_ydata().tolist() == found.validation[name]
    assert found.plot(["lr"], x="step")[0].lines[0].get_xdata().tolist() == found.step


def test_panels_are_those_that_say_something() -> None:
    assert [ax.get_ylabel() for ax in bp.plot.training_panels(CURVES)] == ["loss", "accuracy", "learning rate"]
    penalty = CURVES | {"train.objective": [5.0, 3.0, 2.0, 1.0], "lr": [0.1] * 4}
    assert [ax.get_ylabel() for ax in bp.plot.training_panels(penalty)] == ["loss", "objective", "accuracy"]
    norms = {"train.loss": [2.0, 1.0], "norm.dense_1": [0.5, 0.25]}
    assert [ax.get_ylabel() for ax in bp.plot.training_panels(norms)] == ["loss", "norm.dense_1"]


def test_norms_have_a_panel_each_with_a_line_for_each_layer() -> None:
    x, y = bp.datasets.moons(60, seed=0)
    network = bp.Network([bp.layers.dense(4, activation="tanh"), bp.layers.dense(2)])
    trainer = bp.Trainer(network, "softmax_cross_entropy", callbacks=[bp.callbacks.norms(every=1)])
    found = trainer.fit(x, y, epochs=3)
    axes = {ax.get_ylabel(): ax for ax in found.plot()}
    assert list(axes) == ["loss", "accuracy", "gradient_norm", "update_norm", "parameter_norm"]
    drawn = lines(axes["gradient_norm"])
    assert list(drawn) == ["model train", "dense_1 train", "dense_2 train"]
    assert drawn["dense_2 train"].get_ydata().tolist() == found.train["gradient_norm/dense_2"]
    assert len({line.get_color() for line in drawn.values()}) == 3
    assert legend(axes["gradient_norm"]) == ["model", "dense_1", "dense_2"]
    several = bp.plot.training_curves({"one": found, "two": found}, "gradient_norm")
    assert [name for name in lines(several) if name != "best epoch"] == ["one train", "two train"]


def test_what_is_measured_by_layer_alone_has_a_panel_of_one_run() -> None:
    found = CURVES | {"train.dead/dense_1": [0.0, 0.1, 0.2, 0.3], "train.dead/dense_2": [0.5, 0.6, 0.7, 0.8]}
    axes = bp.plot.training_panels(found)
    assert [ax.get_ylabel() for ax in axes] == ["loss", "accuracy", "dead", "learning rate"]
    assert lines(axes[2])["dense_2 train"].get_ydata().tolist() == [0.5, 0.6, 0.7, 0.8]
    assert legend(axes[2]) == ["dense_1", "dense_2"]
    several = bp.plot.training_panels({"one": found, "two": found})
    assert [ax.get_ylabel() for ax in several] == ["loss", "accuracy", "learning rate"]
    one = bp.plot.training_curves({"one": found, "two": found}, "dead/dense_2")
    assert legend(one) == ["one", "two"]


def test_an_axis_is_logarithmic_where_a_curve_spans_far_or_as_asked() -> None:
    far = {"train.loss": [100.0, 10.0, 1.0]}
    assert bp.plot.training_curves(far).get_yscale() == "log"
    assert bp.plot.training_curves(far, log=False).get_yscale() == "linear"
    assert bp.plot.training_curves({"train.loss": [100.0, 10.0, -1.0]}).get_yscale() == "linear"
    assert bp.plot.training_curves(CURVES, log=True).get_yscale() == "log"


def test_several_runs_have_a_colour_each_and_a_legend_that_tells_runs_parts_and_marks() -> None:
    ax = bp.plot.training_curves({"one": CURVES, "two": CURVES | {"validation.loss": [1.0, 2.0, 3.0, 4.0]}})
    drawn = lines(ax)
    assert drawn["one train"].get_color() == drawn["one validation"].get_color()
    assert drawn["one train"].get_color() != drawn["two train"].get_color()
    assert legend(ax) == ["one, best epoch 3", "two, best epoch 1", "validation", "train", "best epoch"]


def test_several_runs_differ_by_their_markers_where_there_is_no_colour() -> None:
    ax = bp.plot.training_curves(dict.fromkeys(("one", "two", "three", "four"), CURVES))
    drawn = lines(ax)
    markers = [drawn[f"{name} train"].get_marker() for name in ("one", "two", "three", "four")]
    assert len(set(markers)) == 4
    assert drawn["best epoch"].get_marker() not in markers
    assert [handle.get_marker() for handle in ax.get_legend().legend_handles[:4]] == markers
    long = bp.plot.training_curves({name: {"train.loss": [2.0, 1.0] * 500} for name in ("one", "two")}, best="none")
    assert [line.get_markevery() for line in long.lines] == [(0, 125), (62, 125)]
    assert lines(bp.plot.training_curves(CURVES))["train"].get_marker() in ("None", None)


def test_more_runs_than_the_palette_has_colours_still_differ() -> None:
    ax = bp.plot.training_curves({str(i): {"train.loss": [2.0, 1.0 + i]} for i in range(9)}, best="none")
    assert len({tuple(line.get_color()) for line in ax.lines}) == 9


def test_seeds_of_one_config_are_drawn_as_their_mean_and_its_interval() -> None:
    found = [history(seed, epochs) for seed, epochs in ((0, 3), (1, 3), (2, 2))]
    ax = bp.plot.training_curves({"moons": found})
    values = np.array([one.validation["loss"][:2] for one in found])
    low, high = stats.t.interval(0.95, 2, values.mean(axis=0), stats.sem(values))
    assert lines(ax)["moons validation"].get_ydata()[:2] == pytest.approx(values.mean(axis=0))
    band = next(child for child in ax.get_children() if isinstance(child, PolyCollection))
    corners = band.get_paths()[0].vertices
    assert corners[corners[:, 0] == 1, 1].min() == pytest.approx(low[0])
    assert corners[corners[:, 0] == 2, 1].max() == pytest.approx(high[1])
    last = [one.validation["loss"][2] for one in found[:2]]
    assert lines(ax)["moons validation"].get_ydata()[2] == pytest.approx(np.mean(last))
    assert ax.get_legend().get_title().get_text() == "mean over seeds and its 95% interval"


def test_wide_intervals_do_not_flatten_the_lines() -> None:
    far = [{"train.loss": [1.0 + s, 0.5 + 0.01 * s]} for s in (0.0, 1.0)]
    assert bp.plot.training_curves({"far": far}).get_ylim() == pytest.approx((0.505 - 0.3 * 0.995, 1.5 + 0.3 * 0.995))
    near = [{"train.loss": [2.0 + s, 1.0 + s]} for s in (0.0, 0.001)]
    low, high = bp.plot.training_curves({"near": near}).get_ylim()
    half = 0.0005 * stats.t.ppf(0.975, 1)
    assert (low, high) == pytest.approx((1.0005 - half - 0.05, 2.0005 + half + 0.05))
    steep = [{"train.loss": [100.0 + s, 1.0 + s / 100]} for s in (0.0, 1.0)]
    low, high = bp.plot.training_curves({"steep": steep}).get_ylim()
    room = (100.5 / 1.005) ** 0.05
    half = 0.5 * stats.t.ppf(0.975, 1)
    assert (low, high) == pytest.approx(((1.005 - half / 100) / room, (100.5 + half) * room))


def test_what_is_measured_now_and_then_is_one_line_and_one_epoch_is_a_point() -> None:
    ax = bp.plot.training_curves({"train.loss": [1.0, math.nan, 0.5], "validation.loss": [math.nan] * 3})
    assert lines(ax)["train"].get_xydata().tolist() == [[1, 1.0], [3, 0.5]]
    now_and_then = [{"train.norm": [1.0 + s, None, 0.5 + s, None]} for s in (0.0, 1.0)]
    band = bp.plot.training_curves({"two": now_and_then}, "norm")
    assert band.lines[0].get_xydata().tolist() == [[1, 1.5], [3, 1.0]]
    assert len(band.collections[0].get_paths()) == 1
    assert bp.plot.training_curves({"train.loss": [None, 2.0]}).lines[0].get_marker() == "o"
    assert "best epoch" not in lines(ax)
    assert bp.plot.training_curves({"train.loss": [1.0]}).lines[0].get_marker() == "o"
    bp.plot.training_curves({"lr": [None, None]}, "lr")


def test_curves_that_were_not_recorded_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"got 'r2'\. There are: epoch, step, lr, train.loss"):
        bp.plot.training_curves(CURVES, "r2")
    with pytest.raises(ConfigError, match="a curve that was recorded, got none"):
        bp.History().plot()
