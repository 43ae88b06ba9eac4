"""Targets, labels and settings of losses: drawn, taken back, or refused with a reason."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats

import bpframe as bp
from bpframe.data.task import Task
from bpframe.errors import ConfigError, DataError, ShapeError
from bpframe.network.backprop import CostLayer
from bpframe.random import HashKey
from bpframe.registry import registry
from bpframe.training.evaluation import named_metrics
from bpframe.training.metric_values import measure
from tests.plugins.loss_cases import CASES, CLASSES, OTHERS

# ------------------------------------------------------------------------------------------------------ drawn targets


DRAWS = 40_000


def drawn(loss: Any, row: list[float], dtype: Any = np.float64) -> Any:
    scores = np.repeat(np.array([row], dtype), DRAWS, axis=0)
    targets = loss.sample_target(scores, HashKey(3, 4))
    assert targets.dtype == dtype
    return targets


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_drawn_classes_are_one_hot_and_as_frequent_as_their_probabilities(dtype):
    targets = drawn(bp.losses.softmax_cross_entropy(), [1001.0, -1e4, 1000.0, 1002.0], dtype)
    assert set(np.unique(targets)) == {0, 1}
    np.testing.assert_array_equal(targets.sum(axis=1), 1)
    p = scipy.special.softmax([1.0, -1e4, 0.0, 2.0])
    np.testing.assert_allclose(targets.mean(axis=0), p, atol=5 * 0.5 / math.sqrt(DRAWS))
    assert targets[:, 1].sum() == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_drawn_yes_and_no_are_independent_and_as_frequent_as_their_probabilities(dtype):
    targets = drawn(bp.losses.sigmoid_cross_entropy(), [0.75, -1e4, 1e4, -0.5], dtype)
    assert set(np.unique(targets)) == {0, 1}
    error = 5 * 0.5 / math.sqrt(DRAWS)
    np.testing.assert_allclose(targets.mean(axis=0), scipy.special.expit([0.75, -1e4, 1e4, -0.5]), atol=error)
    joint = float(np.mean(targets[:, 0] * targets[:, 3]))
    assert joint == pytest.approx(scipy.special.expit(0.75) * scipy.special.expit(-0.5), abs=error)


@pytest.mark.parametrize(
    ("loss", "row", "mean", "deviation"),
    [
        (bp.losses.mse(), [2.0, -1.0], [2.0, -1.0], [1.0, 1.0]),
        (bp.losses.gaussian_nll(), [2.0, -1.0, 0.0, math.log(9)], [2.0, -1.0], [1.0, 3.0]),
    ],
)
def test_drawn_quantities_have_the_mean_and_the_deviation_of_their_scores(loss, row, mean, deviation):
    targets = drawn(loss, row)
    np.testing.assert_allclose(targets.mean(axis=0), mean, atol=5 * 3 / math.sqrt(DRAWS))
    np.testing.assert_allclose(targets.std(axis=0), deviation, rtol=5 / math.sqrt(2 * DRAWS))


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "sigmoid_cross_entropy", "mse", "gaussian_nll"])
def test_drawn_targets_depend_on_the_key_alone(name, rng):
    loss, scores = getattr(bp.losses, name)(), rng.normal(size=(50, 4))
    one, again, other = (loss.sample_target(scores, HashKey(1, word)) for word in (2, 2, 3))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


# --------------------------------------------------------------------------------------------- several scores a target


def head(loss: Any, outputs: int, dtype: str = "float64") -> Task:
    return Task(loss, CostLayer.of(loss), dtype, (1,), outputs)


def admitted(loss: Any, outputs: int, y: Any) -> tuple[Any, Task]:
    seen, known = head(loss, outputs).admit(np.zeros((len(y), 1)), y)
    return seen.target, known


@pytest.mark.parametrize(
    ("name", "outputs", "targets"), [("gaussian_nll", 2, 1), ("gaussian_nll", 6, 3), ("multi_quantile", 6, 2)]
)
def test_targets_are_narrower_than_scores_where_several_describe_one(name, outputs, targets, rng):
    y = rng.normal(size=(4, targets))
    target, _ = admitted(getattr(bp.losses, name)(), outputs, y if targets > 1 else y[:, 0])
    np.testing.assert_array_equal(target, y)
    with pytest.raises(ShapeError, match=f"y needs {targets} columns"):
        admitted(getattr(bp.losses, name)(), outputs, rng.normal(size=(4, outputs)))


@pytest.mark.parametrize(("name", "outputs"), [("gaussian_nll", 3), ("multi_quantile", 4)])
def test_a_number_of_scores_that_makes_no_sense_is_an_error_with_its_remedy(name, outputs):
    with pytest.raises(ShapeError, match=f"{name} needs . scores for each target.*got {outputs}. End the network in"):
        admitted(getattr(bp.losses, name)(), outputs, [1.0])


def test_metrics_compare_the_mean_and_the_middle_quantile_with_the_target(rng):
    y = rng.normal(size=(9, 2))
    spread = np.full((9, 2), 3.0)
    for loss, scores in (
        (bp.losses.gaussian_nll(), np.hstack([y, spread])),
        (bp.losses.multi_quantile(quantiles=(0.1, 0.45, 0.8)), np.stack([y - 1, y, y + 5], axis=2).reshape(9, 6)),
    ):
        seen, known = head(loss, scores.shape[1]).admit(np.zeros((9, 1)), y)
        measured = measure(known, scores, seen.target, seen.weight, named_metrics(known, None))
        assert measured == {"r2": pytest.approx(1), "mae": pytest.approx(0, abs=1e-12)}


# ----------------------------------------------------------------------------------------------------- classes, labels


LABELS = {
    "text": ["no", "yes", "yes", "no"],
    "flags": [True, False, False, True],
    "signs": [-1, 1, 1, -1],
    "numbers": [0, 1, 1, 0],
    "years": [2020, 1999, 1999, 2020],
}


def certain(name: str, target: Any) -> Any:
    """Scores that predict the target."""
    return target if name in ("cross_entropy", "binary_cross_entropy") else 6 * target - 3


@pytest.mark.parametrize(("name", "outputs"), CLASSES)
@pytest.mark.parametrize("kind", LABELS)
def test_labels_come_back_as_they_were_given(name, outputs, kind):
    y = LABELS[kind]
    target, known = admitted(getattr(bp.losses, name)(), outputs, y)
    assert target.shape == (4, outputs)
    found = known.labels(certain(name, target))
    assert found.tolist() == y
    assert found.dtype.kind == np.asarray(y).dtype.kind
    assert known.labels(certain(name, 1 - target)).tolist() != y


@pytest.mark.parametrize(("name", "outputs"), [case for case in CLASSES if case[1] == 3])
def test_three_classes_come_back_and_a_column_without_a_class_is_never_predicted(name, outputs):
    y = ["b", "c", "a"]
    target, known = admitted(getattr(bp.losses, name)(), 4, y)
    scores = certain(name, target)
    scores[:, 3] = 9
    assert known.labels(scores).tolist() == y


@pytest.mark.parametrize("name", [name for name, outputs in CLASSES if outputs == 1])
def test_several_yes_and_no_columns_come_back_as_zeros_and_ones(name):
    y = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0]])
    seen, known = head(getattr(bp.losses, name)(), 3).admit(np.zeros((3, 1)), y)
    np.testing.assert_array_equal(known.labels(certain(name, seen.target)), y)
    metrics = named_metrics(known, None)
    assert measure(known, certain(name, seen.target), seen.target, seen.weight, metrics) == {"accuracy": 1.0}
    wrong = certain(name, np.vstack([1 - seen.target[:1], seen.target[1:]]))
    assert measure(known, wrong, seen.target, seen.weight, metrics) == {"accuracy": pytest.approx(2 / 3)}


@pytest.mark.parametrize(
    ("name", "even"), [("hinge", 0.0), ("squared_hinge", 0.0), ("modified_huber", 0.0), ("binary_cross_entropy", 0.5)]
)
def test_a_score_on_the_border_is_a_yes_in_one_column_or_several(name, even):
    predict = getattr(bp.losses, name)().predict
    assert predict(np.array([[even], [even - 1e-9]])).tolist() == [1, 0]
    assert predict(np.array([[even, even - 1e-9]])).tolist() == [[1, 0]]


@pytest.mark.parametrize("name", [name for name, outputs in CLASSES if outputs == 1])
def test_a_single_known_class_is_predicted_whatever_the_score(name):
    _, known = admitted(getattr(bp.losses, name)(), 1, ["only", "only"])
    assert known.labels(np.array([[0.0], [1.0], [0.5]])).tolist() == ["only"] * 3


@pytest.mark.parametrize("name", ["sigmoid_cross_entropy", "binary_cross_entropy", "binary_focal"])
def test_one_column_of_soft_labels_is_measured_by_its_nearer_end(name):
    seen, known = head(getattr(bp.losses, name)(), 1).admit(np.zeros((3, 1)), [0.2, 0.9, 0.6])
    assert measure(
        known, certain(name, np.array([[0.0], [1.0], [0.0]])), seen.target, seen.weight, named_metrics(known, None)
    ) == {"accuracy": pytest.approx(2 / 3)}


def test_what_a_loss_predicts_decides_its_default_metrics():
    own = [p.name for p in registry.providers("loss") if p.dist == "bpframe" and p.name not in OTHERS]
    classes = {name for name in own if head(getattr(bp.losses, name)(), 1).classes}
    assert classes == {name for name, _ in CLASSES}
    for name in own:
        names = [metric for metric, _ in named_metrics(head(getattr(bp.losses, name)(), 1), None)]
        assert names == (["accuracy"] if name in classes else ["r2", "mae"])


@pytest.mark.parametrize("name", sorted({case.name for case in CASES} - {name for name, _ in CLASSES}))
def test_labels_of_a_model_of_quantities_are_a_clear_error(name):
    with pytest.raises(DataError, match=r"predicts quantities\. Use predict\."):
        head(getattr(bp.losses, name)(), 2).labels(np.zeros((2, 2)))


# ------------------------------------------------------------------------------------------------ refused, with reasons


@pytest.mark.parametrize(
    ("name", "outputs", "y", "message"),
    [
        ("poisson", 1, [1.0, 0.0, -0.5], "poisson needs numbers of at least 0 as y, got -0.5 at row 2. .*use mse"),
        ("poisson", 2, [[1.0, 2.0], [3.0, -4.0]], "got -4 at row 1, column 1"),
        ("poisson", 1, [1.0, np.nan], "poisson needs .* got nan at row 1"),
        (
            "gamma",
            1,
            [1.0, 0.0],
            "gamma needs numbers above 0 as y, got 0 at row 1. Where some amounts are 0 use tweedie",
        ),
        ("tweedie", 1, [0.0, -1.0], "tweedie needs numbers of at least 0 as y, got -1 at row 1"),
        ("msle", 1, [0.0, -0.95], "msle needs numbers of at least eps - 1 = -0.9 as y, got -0.95 at row 1. Lower eps"),
        ("hinge", 1, ["a", "b", "c"], "room for 2 classes, but y has 3"),
        (
            "hinge",
            1,
            [0.5, 1.0],
            "hinge needs labels of two classes, .* as y, got 0.5 at row 0. For soft labels use sig",
        ),
        ("squared_hinge", 2, [[1, 0], [0.25, 1]], "squared_hinge needs .* got 0.25 at row 1, column 0"),
        ("modified_huber", 2, [[1, 2]], r"y needs numbers in \[0, 1\], got 2 at row 0, column 1"),
        ("multiclass_hinge", 2, [[0.5, 0.5]], "multiclass_hinge needs a single class a row as y, got 0.5 at row 0"),
        ("crammer_singer", 2, [["a"], ["b"], ["c"]], "room for 2 classes, but y has 3"),
    ],
)
def test_targets_outside_the_domain_are_an_error_with_row_and_remedy(name, outputs, y, message):
    with pytest.raises(DataError, match=message):
        admitted(getattr(bp.losses, name)(), outputs, y)


@pytest.mark.parametrize(
    ("name", "y"), [("poisson", [0, 3]), ("gamma", [1e-9, 2]), ("tweedie", [0.0, 2.5]), ("msle", [-0.9, 4.0])]
)
def test_targets_at_the_edge_of_the_domain_are_taken_as_they_are(name, y):
    target, _ = admitted(getattr(bp.losses, name)(), 1, y)
    np.testing.assert_array_equal(target[:, 0], y)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("huber", {"delta": 0.0}, "huber needs a number above 0 as delta, got 0.0"),
        ("quantile", {"q": 0.0}, "quantile needs a number above 0 as q"),
        ("quantile", {"q": 1.0}, r"quantile needs a number in \[0, 1\) as q"),
        ("expectile", {"q": -0.1}, "expectile needs a number above 0 as q"),
        ("expectile", {"q": 1.0}, "expectile needs .* as q"),
        ("multi_quantile", {"quantiles": ()}, r"quantiles that rise inside \(0, 1\), got \(\)"),
        ("multi_quantile", {"quantiles": (0.5, 0.5)}, "quantiles that rise"),
        ("multi_quantile", {"quantiles": (0.5, 1.0)}, "quantiles that rise"),
        ("multi_quantile", {"crossing": -1.0}, "multi_quantile needs a number of at least 0 as crossing"),
        ("charbonnier", {"eps": 0.0}, "charbonnier needs a number above 0 as eps"),
        ("tukey", {"c": -1.0}, "tukey needs a number above 0 as c"),
        ("mape", {"eps": 0.0}, "mape needs a number above 0 as eps"),
        ("msle", {"eps": 0.0}, "msle needs a number above 0 as eps"),
        ("msle", {"eps": 1.0}, "msle needs .* as eps"),
        ("tweedie", {"power": 1.0}, r"tweedie needs a number in \(1, 2\) as power, got 1.0. .*poisson \(1\)"),
        ("tweedie", {"power": 2.5}, "tweedie needs .* as power, got 2.5"),
        ("gaussian_nll", {"eps": 0.0}, "gaussian_nll needs a number above 0 as eps"),
        ("sigmoid_cross_entropy", {"pos_weight": 0.0}, "sigmoid_cross_entropy needs a number above 0 as pos_weight"),
        ("softmax_cross_entropy", {"label_smoothing": 1.0}, "softmax_cross_entropy needs .* as label_smoothing"),
        ("softmax_cross_entropy", {"class_weights": (1.0, -1.0)}, r"at least 0 as class_weights\[1\], got -1.0"),
        ("binary_focal", {"gamma": -1.0}, "binary_focal needs a number of at least 0 as gamma"),
        ("focal", {"gamma": -1.0}, "focal needs a number of at least 0 as gamma"),
        ("focal", {"alpha": 0.0}, "focal needs a number above 0 as alpha"),
        ("binary_focal", {"alpha": 1.5}, r"binary_focal needs a number in \[0, 1\) as alpha"),
        ("generalized_cross_entropy", {"q": 0.0}, "generalized_cross_entropy needs a number above 0 as q"),
        (
            "generalized_cross_entropy",
            {"q": 1.5},
            r"generalized_cross_entropy needs a number in \(0, 1\] as q, got 1.5",
        ),
        ("dice", {"smooth": 0.0}, "dice needs a number above 0 as smooth"),
        ("dice", {"over": "everything"}, "over: wants one of row, batch"),
    ],
)
def test_a_setting_out_of_range_is_named_where_it_enters(name, arguments, message):
    with pytest.raises(ConfigError, match=message):
        bp.build("loss", {"name": name, **arguments})


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 2.0), (1.0, 2.0, 3.0, 4.0)])
def test_class_weights_of_another_number_than_the_classes_are_an_error_and_never_stretched(weights):
    loss = bp.losses.softmax_cross_entropy(class_weights=weights)
    with pytest.raises(ShapeError, match=f"needs 3 class weights, one a score, got {len(weights)}"):
        loss.value_and_delta(np.zeros((2, 3)), np.eye(3)[:2])
