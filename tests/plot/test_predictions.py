"""Plots of predictions: their numbers are those of scikit-learn or of the data themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from sklearn import calibration as sk_calibration
from sklearn import metrics

import bpframe as bp
from bpframe.errors import ConfigError, DataError, ShapeError
from bpframe.plot.residual_plot import residual_quantiles

RNG = np.random.default_rng(0)
SCORE = RNG.normal(size=200).round(1)  # with ties
TRUTH = (SCORE + RNG.normal(size=200) > 0).astype(int)
WEIGHT = RNG.uniform(0.5, 2, size=200)
P = 1 / (1 + np.exp(-2 * SCORE))
CLASSES = np.array(["ant", "bee", "cat"])[RNG.integers(0, 3, size=200)]
GUESS = np.where(RNG.uniform(size=200) < 0.7, CLASSES, "bee")


def image(ax: Any) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


def labels(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


# -------------------------------------------------------------------------------------------------- confusion matrix


def test_a_confusion_matrix_counts_as_scikit_learn_does() -> None:
    counts, names = bp.plot.confusion_counts(CLASSES, GUESS)
    assert names.tolist() == ["ant", "bee", "cat"]
    assert counts.tolist() == metrics.confusion_matrix(CLASSES, GUESS).tolist()
    weighted = bp.plot.confusion_counts(CLASSES, GUESS, sample_weight=WEIGHT)[0]
    assert weighted == pytest.approx(metrics.confusion_matrix(CLASSES, GUESS, sample_weight=WEIGHT))


def test_its_picture_has_the_share_as_colour_and_the_number_as_text() -> None:
    ax = bp.plot.confusion_matrix(CLASSES, GUESS, labels=["cat", "bee", "ant", "none"])
    expected = metrics.confusion_matrix(CLASSES, GUESS, labels=["cat", "bee", "ant"], normalize="true")
    assert image(ax)[:3, :3] == pytest.approx(expected)
    assert image(ax)[3].tolist() == [0, 0, 0, 0]
    counts = metrics.confusion_matrix(CLASSES, GUESS, labels=["cat", "bee", "ant"])
    assert {text.get_position(): text.get_text() for text in ax.texts} == {
        (j, i): str(count) for (i, j), count in np.ndenumerate(counts) if count
    }
    assert [text.get_text() for text in ax.get_xticklabels()] == ["cat", "bee", "ant", "none"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    shares = bp.plot.confusion_matrix([0, 0, 1], [0, 1, 1], normalize=True)
    assert sorted(text.get_text() for text in shares.texts) == ["0.50", "0.50", "1.00"]


def test_a_confusion_matrix_refuses_what_it_cannot_count() -> None:
    with pytest.raises(ConfigError, match="needs all labels, got rows of 'cat' besides"):
        bp.plot.confusion_matrix(CLASSES, GUESS, labels=["ant", "bee"])
    with pytest.raises(ShapeError, match="a prediction for each row, got 3 of 200"):
        bp.plot.confusion_matrix(CLASSES, GUESS[:3])


# --------------------------------------------------------------------------------------------------------------- ROC


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_a_roc_curve_has_the_points_of_scikit_learn(weight: Any) -> None:
    false, true = bp.plot.roc_points(TRUTH, SCORE, weight)
    expected = metrics.roc_curve(TRUTH, SCORE, sample_weight=weight, drop_intermediate=False)
    assert false == pytest.approx(expected[0])
    assert true == pytest.approx(expected[1])


def test_its_picture_has_a_line_and_the_area() -> None:
    ax = bp.plot.roc_curve(TRUTH, SCORE)
    assert labels(ax) == ["chance: 0.500", f"1: {metrics.roc_auc_score(TRUTH, SCORE):.3f}"]
    two = bp.plot.roc_curve(TRUTH, np.stack([-SCORE, SCORE], axis=1))
    assert np.array_equal(two.lines[1].get_xydata(), ax.lines[1].get_xydata())


def test_several_classes_have_a_curve_each_against_the_rest() -> None:
    scores = RNG.normal(size=(200, 3)) + (CLASSES[:, None] == ["ant", "bee", "cat"])
    ax = bp.plot.roc_curve(CLASSES, scores)
    areas = [metrics.roc_auc_score(name == CLASSES, scores[:, i]) for i, name in enumerate(["ant", "bee", "cat"])]
    shown = [f"{name}: {area:.3f}" for name, area in zip(["ant", "bee", "cat"], areas, strict=True)]
    assert labels(ax)[1:] == shown


def test_roc_curves_of_several_classes_differ_by_their_dashes() -> None:
    ax = bp.plot.roc_curve(CLASSES, np.eye(3)[np.unique(CLASSES, return_inverse=True)[1]])
    assert len({line.get_linestyle() for line in ax.lines[1:]}) == 3
    assert bp.plot.roc_curve(TRUTH, SCORE).lines[1].get_linestyle() == "-"


def test_a_roc_curve_refuses_one_class_and_other_shapes() -> None:
    with pytest.raises(DataError, match="positive and negative rows"):
        bp.plot.roc_points(np.ones(3), np.ones(3))
    with pytest.raises(ShapeError, match=r"a column of scores for each of 3 labels, got \(200, 2\)"):
        bp.plot.roc_curve(CLASSES, np.ones((200, 1)))
    with pytest.raises(ShapeError, match="a score for each row, got 5 of 200"):
        bp.plot.roc_points(TRUTH, SCORE[:5])


# ------------------------------------------------------------------------------------------------------- reliability


def test_calibration_is_that_of_scikit_learn_and_its_interval_wilsons() -> None:
    found = bp.plot.calibration(TRUTH, P, bins=7)
    share, mean = sk_calibration.calibration_curve(TRUTH, P, n_bins=7)
    assert found.share == pytest.approx(share)
    assert found.probability == pytest.approx(mean)
    assert found.rows.sum() == 200
    assert found.error == pytest.approx(sum(found.rows / 200 * abs(share - mean)))
    for k, n, low, high in zip(found.share * found.rows, found.rows, found.low, found.high, strict=True):
        roots = np.roots(
            [1 + 3.841458821 / n, -(2 * k / n + 3.841458821 / n), (k / n) ** 2]
        )  # (p - k/n)^2 = z^2 p q / n
        assert sorted([low, high]) == pytest.approx(sorted(roots.real), abs=1e-7)


def test_its_picture_has_the_bins_and_the_error() -> None:
    ax = bp.plot.reliability_diagram(TRUTH, P)
    found = bp.plot.calibration(TRUTH, P)
    line = next(line for line in ax.lines if line.get_marker() == "o")
    assert line.get_xydata() == pytest.approx(np.stack([found.probability, found.share], axis=1))
    assert ax.get_title(loc="left") == f"expected calibration error {found.error:.3f}"
    columns = np.array([bar.get_height() for bar in ax.patches])
    assert columns / columns.sum() == pytest.approx(np.histogram(P, 10, (0, 1))[0] / 200)
    assert ax.get_xlabel() == "probability of 1"


def test_of_several_classes_the_predicted_one_is_compared() -> None:
    p = np.exp(RNG.normal(size=(200, 3)))
    p /= p.sum(axis=1, keepdims=True)
    ax = bp.plot.reliability_diagram(CLASSES, p)
    right = np.array(["ant", "bee", "cat"])[p.argmax(axis=1)] == CLASSES
    line = next(line for line in ax.lines if line.get_marker() == "o")
    assert line.get_ydata() == pytest.approx(bp.plot.calibration(right, p.max(axis=1)).share)


def test_probabilities_outside_0_to_1_are_refused() -> None:
    with pytest.raises(DataError, match="probabilities between 0 and 1"):
        bp.plot.reliability_diagram(TRUTH, SCORE)
    with pytest.raises(ConfigError, match="a bin at least"):
        bp.plot.calibration(TRUTH, P, bins=0)


# --------------------------------------------------------------------------------------------------------- residuals


def test_a_residual_plot_has_every_row_and_quantiles_in_bins_of_as_many_rows() -> None:
    prediction = SCORE + RNG.normal(size=200)
    ax = bp.plot.residual_plot(SCORE, prediction)
    rows = next(line for line in ax.lines if line.get_label() == "rows")
    assert np.array_equal(rows.get_xydata(), np.stack([prediction, SCORE - prediction], axis=1))
    assert ax.get_title(loc="left") == f"root mean square {metrics.root_mean_squared_error(SCORE, prediction):.4g}"
    middle, found = residual_quantiles(prediction, SCORE - prediction)
    frame = pd.DataFrame({"p": prediction, "r": SCORE - prediction}).sort_values("p", ignore_index=True)
    bins = frame.groupby(frame.index // 20)
    assert middle == pytest.approx(bins["p"].median())
    assert pytest.approx(bins["r"].quantile([0.1, 0.5, 0.9]).unstack()) == found.T
    with pytest.raises(DataError, match="finite numbers"):
        bp.plot.residual_plot([1.0, np.nan], [1.0, 2.0])


# ---------------------------------------------------------------------------------------------------- decision regions


def corner(x: Any) -> Any:
    return np.where((np.asarray(x)[:, 0] > 0) & (np.asarray(x)[:, 1] > 0), "in", "out")


def test_regions_have_the_colour_of_the_label_that_is_predicted_there() -> None:
    x = RNG.uniform(-1, 1, size=(100, 2))
    ax = bp.plot.decision_regions(corner, x, corner(x), resolution=50)
    picture, (left, right, bottom, top) = image(ax), ax.images[0].get_extent()
    across, up = np.linspace(left, right, 50), np.linspace(bottom, top, 50)
    inside = (across > 0)[None, :] & (up > 0)[:, None]
    assert len(np.unique(picture[inside], axis=0)) == len(np.unique(picture[~inside], axis=0)) == 1
    assert not np.array_equal(picture[inside][0], picture[~inside][0])
    assert labels(ax) == ["in", "out"]
    points = {c.get_label(): len(c.get_offsets()) for c in ax.collections if c.get_label() in ("in", "out")}
    assert points == {"in": (corner(x) == "in").sum(), "out": (corner(x) == "out").sum()}


def test_regions_are_paler_where_probabilities_are_less_sure() -> None:
    x = np.array([[-1.0, -1.0], [1.0, 1.0]])

    def predict(rows: Any) -> Any:
        p = 1 / (1 + np.exp(-4 * rows[:, 0]))
        return np.stack([1 - p, p], axis=1)

    picture = image(bp.plot.decision_regions(predict, x, resolution=51))
    saturation = picture.max(axis=2) - picture.min(axis=2)
    assert (np.diff(saturation[0, 26:]) >= 0).all()
    assert saturation[0, 25] < saturation[0, 0]


def test_one_number_a_row_is_a_map_with_its_line_at_a_half() -> None:
    x = np.array([[-1.0, -1.0], [1.0, 1.0]])
    ax = bp.plot.decision_regions(lambda rows: 1 / (1 + np.exp(-rows[:, 1])), x, resolution=21)
    expected = 1 / (1 + np.exp(-np.linspace(-1.16, 1.16, 21)))
    assert image(ax) == pytest.approx(np.tile(expected[:, None], (1, 21)))
    line = np.concatenate([path.vertices for c in ax.collections for path in c.get_paths()])
    assert line[:, 1] == pytest.approx(0, abs=1e-9)


def test_two_inputs_are_chosen_by_number_or_name_and_the_others_stay_at_their_medians() -> None:
    x = pd.DataFrame(RNG.normal(size=(30, 4)), columns=["a", "b", "c", "d"])
    seen: list[pd.DataFrame] = []

    def predict(rows: pd.DataFrame) -> Any:
        seen.append(rows)
        return np.zeros(len(rows), dtype=int)

    ax = bp.plot.decision_regions(predict, x, inputs=("d", "b"), resolution=5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("d", "b")
    assert list(seen[0].columns) == ["a", "b", "c", "d"]
    assert (seen[0]["a"] == x["a"].median()).all()
    assert (seen[0]["c"] == x["c"].median()).all()
    assert seen[0]["d"].nunique() == seen[0]["b"].nunique() == 5
    for wrong, message in ((("a", "a"), "two different inputs"), (("a", "z"), "one of the inputs a, b, c, d")):
        with pytest.raises(ConfigError, match=message):
            bp.plot.decision_regions(predict, x, inputs=wrong)


def test_a_trainer_is_drawn_with_the_labels_of_its_data() -> None:
    x, numbers = bp.datasets.moons(60, seed=0)
    y = np.array(["left", "right"])[numbers]
    trainer = bp.Trainer(bp.Network([bp.layers.dense(2)]), "softmax_cross_entropy")
    trainer.fit(x, y, epochs=2)
    ax = bp.plot.decision_regions(trainer.predict, x, y, resolution=20)
    assert labels(ax) == ["left", "right"]
    same = bp.plot.decision_regions(trainer.predict_labels, x, y, resolution=20)
    sure, plain = image(ax), image(same)
    assert ((sure[..., 0] > sure[..., 2]) == (plain[..., 0] > plain[..., 2])).all()


# ------------------------------------------------------------------------------------------------------ regression fit


def test_a_fit_is_a_line_along_the_input_and_bands_between_quantiles() -> None:
    x = RNG.uniform(-2, 2, size=(50, 2))
    y = x[:, 1] ** 2

    def predict(rows: Any) -> Any:
        return rows[:, 1:] ** 2 + np.array([0.0, -1.0, 1.0, -0.5, 0.5])

    ax = bp.plot.regression_fit(predict, x, y, input=1, quantiles=(0.5, 0.05, 0.95, 0.25, 0.75))
    drawn = {line.get_label(): line for line in ax.lines}
    assert np.array_equal(drawn["rows"].get_xydata(), np.stack([x[:, 1], y], axis=1))
    along, middle = drawn["quantile 0.5"].get_data()
    assert (along[0], along[-1]) == (x[:, 1].min(), x[:, 1].max())
    assert middle == pytest.approx(along**2)
    bands = {c.get_label(): c for c in ax.collections if isinstance(c, PolyCollection)}
    corners = {name: band.get_paths()[0].vertices for name, band in bands.items()}
    widths = {name: np.ptp(found[found[:, 0] == along[0], 1]) for name, found in corners.items()}
    assert widths == pytest.approx({"quantiles 0.05 to 0.95": 2.0, "quantiles 0.25 to 0.75": 1.0})


def test_one_prediction_a_row_needs_no_quantiles_and_several_do() -> None:
    x = np.linspace(0, 1, 10)
    ax = bp.plot.regression_fit(lambda rows: 2 * rows, x, 2 * x)
    line = next(line for line in ax.lines if line.get_label() == "prediction")
    assert line.get_ydata() == pytest.approx(2 * line.get_xdata())
    with pytest.raises(ConfigError, match="a quantile in \\(0, 1\\) for each of 2 predictions, got none"):
        bp.plot.regression_fit(lambda rows: np.hstack([rows, rows]), x, x)
    with pytest.raises(ShapeError, match="a y for each of 10 rows, got 3"):
        bp.plot.regression_fit(lambda rows: rows, x, x[:3])


# ------------------------------------------------------------------------------------------------ learning rate range


def test_a_range_test_is_drawn_with_its_suggestion() -> None:
    x, y = bp.datasets.moons(100, seed=0)
    network = bp.Network([bp.layers.dense(8, activation="tanh"), bp.layers.dense(2)])
    found = bp.lr_range_test(bp.Trainer(network, "softmax_cross_entropy"), x, y, steps=40)
    ax = found.plot()
    assert np.array_equal(ax.lines[0].get_xydata(), np.stack([found.lr, found.loss], axis=1))
    assert ax.get_xscale() == "log"
    assert list(ax.lines[1].get_xdata()) == [found.suggestion] * 2
    assert labels(ax) == [f"suggestion: {found.suggestion:.3g}"]
    with pytest.raises(DataError, match="rates that were tried, got none"):
        bp.LrRange().plot()


@pytest.mark.parametrize("name", ["decision_regions", "regression_fit"])
def test_a_model_in_the_place_of_its_method_is_an_error_that_names_the_method(name: str) -> None:
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse")
    with pytest.raises(ConfigError, match=rf"{name} needs a function .*, got .* It has .predict and .predict_labels"):
        getattr(bp.plot, name)(trainer, np.zeros((4, 2)), np.zeros(4))
