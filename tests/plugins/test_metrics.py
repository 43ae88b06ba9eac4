"""Metrics: each has scikit-learn's value, weights included, and says what it does where scikit-learn has none."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

import bpframe as bp
from bpframe.errors import ConfigError, DataError
from bpframe.registry import build

AVERAGES = ("macro", "micro", "weighted")
SEEDS = range(5)
SCORES = {
    "precision": theirs.precision_score,
    "recall": theirs.recall_score,
    "f1": theirs.f1_score,
}


def value(spec, prediction, target, weight=None):
    """A metric's value, on arguments that nobody may write to."""
    prediction, target = np.array(prediction), np.array(target)
    weight = np.ones(len(target)) if weight is None else np.array(weight, dtype=float)
    for array in (prediction, target, weight):
        array.flags.writeable = False
    got = build("metric", spec).value(prediction, target, weight)
    assert isinstance(got, float)
    return got


def labels(seed, classes, rows=60, absent=None):
    """(predicted, true) class numbers, the first half alike; weights, some of them 0."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, classes, rows)
    prediction = np.where(np.arange(rows) < rows // 2, target, rng.integers(0, classes, rows))
    target = np.where(target == absent, 0, target)
    return prediction, target, np.maximum(rng.normal(0.7, 1, rows), 0)


def probabilities(seed, classes, rows=60, ties=False):
    """(probabilities (rows, classes), true class numbers, weights); some rows agree where there are to be ties."""
    rng = np.random.default_rng(seed)
    target = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    p = rng.dirichlet(np.ones(classes), rows) + 0.4 * np.eye(classes)[target]
    p = p / p.sum(axis=1, keepdims=True)
    return np.round(p, 1) if ties else p, target, np.maximum(rng.normal(0.7, 1, rows), 0.01)


# -------------------------------------------------------------------------------------------- precision, recall and f1


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("seed", SEEDS)
def test_of_two_classes_it_is_scikit_learns_value_for_class_1(name, seed):
    prediction, target, weight = labels(seed, 2)
    want = SCORES[name](target, prediction, sample_weight=weight)
    assert value(name, prediction, target, weight) == pytest.approx(want, rel=1e-12)
    column = {"name": name, "average": "binary"}
    assert value(column, prediction[:, None], target[:, None], weight) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("absent", [None, 2])
@pytest.mark.parametrize("classes", [2, 4])
def test_of_many_classes_it_is_scikit_learns_value_classes_that_do_not_occur_included(name, average, absent, classes):
    for seed in SEEDS:
        prediction, target, weight = labels(seed, classes, absent=absent)
        want = SCORES[name](target, prediction, average=average, sample_weight=weight, zero_division=0)
        got = value({"name": name, "average": average}, prediction, target, weight)
        assert got == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("name", SCORES)
def test_of_several_labels_a_row_it_is_scikit_learns_value_labels_that_do_not_occur_included(name, average):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        prediction, target = rng.integers(0, 2, (2, 40, 4))
        prediction[:, 1], target[:, 2], prediction[:, 3], target[:, 3] = 0, 0, 0, 0
        weight = rng.uniform(0, 2, 40)
        want = SCORES[name](target, prediction, average=average, sample_weight=weight, zero_division=0)
        got = value({"name": name, "average": average}, prediction, target, weight)
        assert got == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("average", ["binary", *AVERAGES])
@pytest.mark.parametrize("name", SCORES)
def test_a_ratio_without_a_denominator_is_zero(name, average):
    zeros = np.zeros((3, 1), dtype=int)
    assert value({"name": name, "average": average}, zeros, zeros) == 0.0
    assert value({"name": name, "average": average}, [1, 1], [0, 0], [1, 1]) == 0.0


@pytest.mark.parametrize("name", SCORES)
def test_binary_refuses_a_third_class_and_several_labels_a_row(name):
    message = rf"{name} with average 'binary' needs two classes, 0 and 1, got class 2\. Set average to 'macro'"
    for prediction, target in (([0, 1], [1, 2]), ([0, 2], [1, 1])):
        with pytest.raises(DataError, match=message):
            value(name, prediction, target)
    with pytest.raises(DataError, match=f"{name} needs one class a row, got 2 labels a row"):
        value(name, [[0, 1]], [[1, 1]])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_micro_averages_of_one_class_a_row_are_accuracy(pairs):
    prediction, target = np.array(pairs).T
    for name in SCORES:
        got = value({"name": name, "average": "micro"}, prediction, target)
        assert got == pytest.approx(value("accuracy", prediction, target), rel=1e-12)


# ----------------------------------------------------------------------------------------- accuracies and the confusion


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("classes", "absent"), [(2, None), (4, None), (4, 2)])
def test_balanced_accuracy_is_scikit_learns_and_skips_classes_that_do_not_occur(classes, absent, seed):
    prediction, target, weight = labels(seed, classes, absent=absent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "y_pred contains classes not in y_true"
        want = theirs.balanced_accuracy_score(target, prediction, sample_weight=weight)
    assert value("balanced_accuracy", prediction, target, weight) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_confusion_is_an_entry_of_scikit_learns_matrix_whose_rows_add_up_to_one(seed):
    prediction, target, weight = labels(seed, 4, absent=2)
    want = theirs.confusion_matrix(target, prediction, labels=range(5), sample_weight=weight, normalize="true")
    spec = {"name": "confusion"}
    got = [
        [value({**spec, "actual": i, "predicted": j}, prediction, target, weight) for j in range(5)] for i in range(5)
    ]
    np.testing.assert_allclose(got, want, rtol=1e-12)
    np.testing.assert_allclose(np.sum(got, axis=1), [1, 1, 0, 1, 0], rtol=1e-12)


def test_confusion_is_the_better_the_larger_on_the_diagonal_only():
    assert bp.metrics.confusion(1, 1).best == "max"
    assert bp.metrics.confusion(1, 0).best == "min"


@pytest.mark.parametrize("spec", ["balanced_accuracy", {"name": "confusion", "actual": 0, "predicted": 1}], ids=str)
def test_a_metric_of_one_class_a_row_refuses_several_labels_but_takes_one_column(spec):
    with pytest.raises(DataError, match="needs one class a row, got 3 labels a row"):
        value(spec, np.eye(3, dtype=int), np.eye(3, dtype=int))
    column = np.array([[0], [1], [1]]), np.array([[0], [0], [1]])
    assert value(spec, *column) == value(spec, *(array[:, 0] for array in column))


@pytest.mark.parametrize("k", [1, 2, 3, 5, 9])
def test_top_k_is_scikit_learns_value(k):
    for seed in SEEDS:
        p, target, weight = probabilities(seed, 5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "k is greater than or equal to n_classes"
            want = theirs.top_k_accuracy_score(target, p, k=k, sample_weight=weight)
        assert value({"name": "top_k", "k": k}, p, np.eye(5)[target], weight) == pytest.approx(want, rel=1e-12)


def test_top_1_is_accuracy_with_equal_predictions_too():
    for seed in SEEDS:
        p, target, weight = probabilities(seed, 4, ties=True)
        assert any(len(set(row)) < 4 for row in p.tolist())
        want = value("accuracy", p.argmax(axis=1), target, weight)
        assert value({"name": "top_k", "k": 1}, p, np.eye(4)[target], weight) == pytest.approx(want, rel=1e-12)


def test_of_equal_predictions_the_lower_class_is_the_larger():
    p, target = np.full((3, 3), 1 / 3), np.eye(3)
    assert [value({"name": "top_k", "k": k}, p, target) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])


def test_top_k_needs_columns():
    with pytest.raises(DataError, match=r"top_k needs a column for each class, got one column\. Use accuracy"):
        value("top_k", [[0.3]], [[1.0]])


# ---------------------------------------------------------------------------------------------------- of probabilities


def area_by_pairs(prediction, positive, weight):
    """The share of pairs of rows that stand in the right order, equal ones half."""
    pairs = [
        (weight[i] * weight[j], 1.0 if prediction[i] > prediction[j] else 0.5 * (prediction[i] == prediction[j]))
        for i, j in itertools.product(np.flatnonzero(positive), np.flatnonzero(~positive))
    ]
    return math.fsum(w * right for w, right in pairs) / math.fsum(w for w, _ in pairs)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_roc_auc_of_two_classes_is_scikit_learns_in_one_column_and_in_two(seed, ties):
    p, target, weight = probabilities(seed, 2, ties=ties)
    want = theirs.roc_auc_score(target, p[:, 1], sample_weight=weight)
    assert want == pytest.approx(area_by_pairs(p[:, 1], target == 1, weight), rel=1e-12)
    assert value("roc_auc", p[:, 1:], target[:, None], weight) == pytest.approx(want, rel=1e-12)
    both = np.hstack([1 - p[:, 1:], p[:, 1:]])
    assert value("roc_auc", both, np.eye(2)[target], weight) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_roc_auc_of_many_classes_is_scikit_learns_one_against_the_rest(seed, ties):
    p, target, weight = probabilities(seed, 4, ties=ties)
    if ties:  # scikit-learn wants rows that add up to 1, which rounded ones do not
        want = np.mean([theirs.roc_auc_score(target == c, p[:, c], sample_weight=weight) for c in range(4)])
    else:
        want = theirs.roc_auc_score(target, p, multi_class="ovr", average="macro", sample_weight=weight)
    assert value("roc_auc", p, np.eye(4)[target], weight) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_roc_auc_of_several_labels_a_row_is_scikit_learns_macro_average(seed):
    rng = np.random.default_rng(seed)
    target, p, weight = rng.integers(0, 2, (40, 3)), rng.uniform(size=(40, 3)).round(1), rng.uniform(0, 2, 40)
    want = theirs.roc_auc_score(target, p, average="macro", sample_weight=weight)
    assert value("roc_auc", p, target, weight) == pytest.approx(want, rel=1e-12)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(1, 3)), min_size=2, max_size=14))
@settings(max_examples=80, deadline=None)
def test_roc_auc_is_the_share_of_pairs_in_the_right_order(rows):
    prediction, positive, weight = (np.array(column) for column in zip(*rows, strict=True))
    got = value("roc_auc", prediction[:, None], positive[:, None].astype(float), weight)
    if positive.all() or not positive.any():
        assert math.isnan(got)
    else:
        assert got == pytest.approx(area_by_pairs(prediction, positive, weight), rel=1e-12)


def test_roc_auc_says_nothing_of_predictions_that_say_nothing():
    assert value("roc_auc", np.full((4, 1), 0.3), [[0], [1], [1], [0]]) == 0.5


def test_roc_auc_is_nan_where_a_class_has_all_rows_or_none_as_in_scikit_learn():
    p, target = np.random.default_rng(0).dirichlet(np.ones(3), 6), np.eye(3)[[0, 1, 0, 1, 1, 0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert math.isnan(theirs.roc_auc_score(target, p, average="macro"))
    assert math.isnan(value("roc_auc", p, target))
    assert math.isnan(value("roc_auc", p[:, :1], target[:, :1], target[:, 0]))  # rows of one side weigh nothing


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [2, 5])
def test_log_loss_is_scikit_learns_value_probabilities_of_zero_and_one_included(classes, dtype):
    for seed in SEEDS:
        p, target, weight = probabilities(seed, classes)
        p[:5] = np.eye(classes)[np.arange(5) % classes]
        p = p.astype(dtype)
        want = theirs.log_loss(target, p, sample_weight=weight)
        rel = 1e-12 if dtype == np.float64 else 1e-6  # scikit-learn computes in float32
        got = value("log_loss", p, np.eye(classes)[target], weight)
        assert got == pytest.approx(want, rel=rel)
        if classes == 2:
            want = theirs.log_loss(target, p[:, 1], sample_weight=weight)
            assert value("log_loss", p[:, 1:], target[:, None], weight) == pytest.approx(want, rel=rel)


def test_log_loss_is_the_loss_of_the_scores():
    rng = np.random.default_rng(9)
    scores, target = rng.normal(size=(20, 4)), rng.dirichlet(np.ones(4), 20)
    want = float(np.mean(bp.losses.softmax_cross_entropy().value_and_delta(scores, target)[0]))
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert value("log_loss", p, target) == pytest.approx(want, rel=1e-12)
    one = float(np.mean(bp.losses.sigmoid_cross_entropy().value_and_delta(scores[:, :1], target[:, :1])[0]))
    assert value("log_loss", 1 / (1 + np.exp(-scores[:, :1])), target[:, :1]) == pytest.approx(one, rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_brier_is_scikit_learns_value_half_the_sum_for_two_classes(seed):
    p, target, weight = probabilities(seed, 2)
    want = theirs.brier_score_loss(target, p[:, 1], sample_weight=weight)
    assert value("brier", p[:, 1:], target[:, None], weight) == pytest.approx(want, rel=1e-12)
    assert value("brier", p, np.eye(2)[target], weight) == pytest.approx(want, rel=1e-12)
    p, target, weight = probabilities(seed, 4)
    squares = [sum((row[c] - (c == y)) ** 2 for c in range(4)) for row, y in zip(p.tolist(), target, strict=True)]
    want = math.fsum(w * s for w, s in zip(weight.tolist(), squares, strict=True)) / math.fsum(weight)
    assert value("brier", p, np.eye(4)[target], weight) == pytest.approx(want, rel=1e-12)


# -------------------------------------------------------------------------------------------------------- of quantities

QUANTITIES = {
    "mse": theirs.mean_squared_error,
    "rmse": theirs.root_mean_squared_error,
    "mae": theirs.mean_absolute_error,
    "mape": theirs.mean_absolute_percentage_error,
    "r2": theirs.r2_score,
}


@pytest.mark.parametrize("name", QUANTITIES)
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_metric_of_quantities_is_scikit_learns_value(name, outputs, seed):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(30, outputs)) * np.arange(1, outputs + 1)
    prediction, weight = target + rng.normal(size=target.shape), rng.uniform(0, 2, 30)
    want = QUANTITIES[name](target, prediction, sample_weight=weight)
    assert value(name, prediction, target, weight) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("name", QUANTITIES)
def test_float32_predictions_are_measured_in_float64(name):
    rng = np.random.default_rng(0)
    target = (1e3 + rng.normal(size=(1000, 1))).astype(np.float32)
    prediction = target + rng.normal(size=target.shape).astype(np.float32)
    wide = value(name, prediction.astype(np.float64), target.astype(np.float64))
    assert value(name, prediction, target) == pytest.approx(wide, rel=1e-12)


def test_mape_of_a_zero_target_is_very_large_as_in_scikit_learn():
    want = theirs.mean_absolute_percentage_error([0.0, 1.0], [1.0, 1.0])
    assert value("mape", [[1.0], [1.0]], [[0.0], [1.0]]) == pytest.approx(want, rel=1e-12)
    assert want > 1e15


# ---------------------------------------------------------------------------------------------------------- all of them

LABELS = ["accuracy", "balanced_accuracy", {"name": "confusion", "actual": 1, "predicted": 0}] + [
    {"name": name, "average": average} for name in SCORES for average in ("binary", *AVERAGES)
]
PROBABILITIES = ["roc_auc", "log_loss", "brier", {"name": "top_k", "k": 1}, *QUANTITIES]


@pytest.mark.parametrize("spec", LABELS + PROBABILITIES, ids=str)
def test_a_weight_counts_like_as_many_rows_and_its_scale_does_not_matter(spec):
    rng = np.random.default_rng(3)
    weight = rng.integers(0, 4, 12)
    if build("metric", spec).of == "labels":
        prediction, target = rng.integers(0, 2, (2, 12))
    else:
        prediction, target = rng.dirichlet(np.ones(2), 12), np.eye(2)[np.arange(12) % 2]
    want = value(spec, np.repeat(prediction, weight, axis=0), np.repeat(target, weight, axis=0))
    assert value(spec, prediction, target, weight) == pytest.approx(want, rel=1e-12)
    assert value(spec, prediction, target, 1e-3 * weight) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("spec", LABELS + PROBABILITIES, ids=str)
def test_perfect_predictions_are_at_the_better_end_and_wrong_ones_are_not(spec):
    metric = build("metric", spec)
    truth = np.array([0, 1, 1, 0, 1])
    right, wrong = (numbers if metric.of == "labels" else np.eye(2)[numbers] for numbers in (truth, 1 - truth))
    best, worst = value(spec, right, right), value(spec, wrong, right)
    assert best == pytest.approx(1.0 if metric.best == "max" else 0.0, abs=1e-12)
    assert worst < best if metric.best == "max" else worst > best


@pytest.mark.parametrize("spec", LABELS + [spec for spec in PROBABILITIES if spec != "roc_auc"], ids=str)
def test_one_row_is_enough(spec):
    one = np.array([1]) if build("metric", spec).of == "labels" else np.array([[0.0, 1.0]])
    assert math.isfinite(value(spec, one, one))


def test_every_installed_metric_is_tested_here():
    names = {spec if isinstance(spec, str) else spec["name"] for spec in LABELS + PROBABILITIES}
    fields = {"concordance", "ndcg"}  # of several fields: tests/training/test_fields.py
    assert names | fields == {name for name in bp.names("metric") if "/" not in name}


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("precision", {"average": "makro"}, "Did you mean 'macro'"),
        ("recall", {"average": "none"}, "wants one of binary, macro, micro, weighted"),
        ("f1", {"average": "none"}, "wants one of binary, macro, micro, weighted"),
        ("top_k", {"k": 0}, "top_k needs a number above 0 as k"),
        ("confusion", {"actual": -1, "predicted": 0}, "confusion needs a number of at least 0 as actual"),
        ("confusion", {"actual": 0, "predicted": -1}, "confusion needs a number of at least 0 as predicted"),
    ],
)
def test_a_setting_out_of_range_is_named(name, arguments, message):
    with pytest.raises(ConfigError, match=message):
        build("metric", {"name": name, **arguments})


@pytest.mark.parametrize("name", SCORES)
def test_averages_are_checked_without_the_builder_too(name):
    with pytest.raises(ConfigError, match=f"{name} needs one of binary, macro, micro, weighted as average, got 'mean'"):
        bp.load("metric", name)(average="mean")


@pytest.mark.parametrize(
    "spec",
    ["mse", "rmse", "mae", "mape", "r2", "brier", "log_loss", "roc_auc", {"name": "top_k", "k": 1}],
    ids=str,
)
@pytest.mark.parametrize("columns", [1, 3])
def test_predictions_that_are_nan_give_nan(spec, columns):
    """Also where the target is constant, and where the row with NaN is one of many."""
    columns = 3 if isinstance(spec, dict) else columns  # top_k needs several
    prediction, target = np.full((6, columns), 0.25), np.eye(3)[[0, 1, 2, 0, 1, 2], :columns]
    prediction[4, 0] = np.nan
    assert math.isnan(value(spec, prediction, target))
    assert math.isnan(value(spec, prediction, np.ones_like(target)))


@pytest.mark.parametrize(
    "spec",
    [
        "accuracy",
        "balanced_accuracy",
        {"name": "confusion", "actual": 0, "predicted": 0},
        *({"name": name, "average": average} for name in SCORES for average in ("binary", *AVERAGES)),
    ],
    ids=str,
)
def test_labels_that_are_nan_give_nan(spec):
    assert math.isnan(value(spec, [0.0, np.nan, 1.0], [0, 0, 1]))


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
def test_roc_auc_in_training_ranks_rows_whose_probabilities_round_to_the_same(loss):
    rng = np.random.default_rng(0)
    outputs = 3 if loss.startswith("softmax") else 1
    x = (rng.normal(size=(300, outputs)) * 15 + (0 if outputs == 3 else 30)).astype(np.float32)
    y = rng.integers(0, max(outputs, 2), size=300)
    network = bp.Network([bp.layers.dense(outputs, weight_initializer="identity")], inputs=outputs)
    trainer = bp.Trainer(network, loss, metrics=["roc_auc"])
    measured = trainer.evaluate(x, y)["roc_auc"]
    z = x.astype(np.float64)
    others = [np.logaddexp.reduce(np.delete(z, k, axis=1), axis=1) for k in range(outputs)] if outputs > 1 else [0]
    exact = z - np.stack(others, axis=-1) if outputs > 1 else z
    areas = [theirs.roc_auc_score(y == k, exact[:, k]) for k in range(outputs)] if outputs > 1 else []
    want = np.mean(areas) if outputs > 1 else theirs.roc_auc_score(y, exact[:, 0])
    assert measured == pytest.approx(want, rel=1e-6)
    assert len(np.unique(trainer.predict(x)[:, 0])) < 290  # many are the same number
