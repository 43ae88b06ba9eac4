"""Several heads in one network: each its own loss, link, labels and metrics on its own columns.

The network of most tests has 5 scores: three of "color", a class of text, and two of "place", quantities.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import scipy.special

import bpframe as bp
from bpframe.data.task import Task
from bpframe.errors import ConfigError, DataError, ShapeError
from bpframe.network.backprop import CostLayer
from bpframe.network.context import EVALUATION
from bpframe.registry import registry
from bpframe.registry.describe import describe
from bpframe.training.evaluation import mean_loss, named_metrics
from bpframe.training.metric_values import measure

N = 40
X = np.random.default_rng(7).normal(size=(N, 3))
COLOR = np.array(["blue", "green", "red"])[np.digitize(X[:, 0], [-0.5, 0.5])]
PLACE = X @ [[1.0, 0.0], [0.5, -1.0], [0.0, 2.0]]
Y = {"color": COLOR, "place": PLACE}


def heads(losses: Any = ("softmax_cross_entropy", "mse"), widths: Any = (3, 2), **arguments: Any) -> Any:
    arguments = {"names": ("color", "place"), **arguments}
    return bp.build("loss", {"name": "heads", "losses": list(losses), "widths": widths, **arguments})


def trainer(loss: Any, outputs: int = 5, **settings: Any) -> Any:
    network = bp.Network([bp.layers.dense(8, activation="tanh", label="hidden"), bp.layers.dense(outputs, label="out")])
    return bp.Trainer(network, loss=loss, **{"optimizer": {"name": "sgd", "lr": 0.1}, "seed": 3, **settings})


def task(loss: Any, outputs: int = 5) -> Task:
    return Task(loss, CostLayer.of(loss), "float64", (3,), outputs)


# ------------------------------------------------------------------------------------------------------ the loss


def test_the_value_is_the_weighted_sum_of_each_heads_own_loss(rng):
    scores, place = rng.normal(size=(6, 5)), rng.normal(size=(6, 2))
    number = rng.integers(0, 3, 6)
    target = np.hstack([np.eye(3)[number], place])
    values, delta = heads(weights=(2.0, 0.5)).value_and_delta(scores, target)
    for row in range(6):
        log_p = scipy.special.log_softmax(scores[row, :3])
        expected = -2.0 * log_p[number[row]] + 0.5 * ((scores[row, 3:] - place[row]) ** 2).sum() / 2
        assert values[row] == pytest.approx(expected, rel=1e-12)
        slopes = [*(2.0 * (np.exp(log_p) - np.eye(3)[number[row]])), *(0.5 * (scores[row, 3:] - place[row]))]
        np.testing.assert_allclose(delta[row], slopes, rtol=1e-12, atol=1e-14)


def test_without_weights_every_head_counts_once(rng):
    scores, target = rng.normal(size=(6, 5)), np.hstack([np.eye(3)[rng.integers(0, 3, 6)], rng.normal(size=(6, 2))])
    for found, expected in zip(
        heads().value_and_delta(scores, target),
        heads(weights=(1.0, 1.0)).value_and_delta(scores, target),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_slopes_keep_their_dtype_far_from_the_answer(dtype):
    scores = np.array([[1e4, -1e4, 0, 1e4, -1e4]], dtype)
    values, delta = heads(weights=(2.0, 0.5)).value_and_delta(scores, np.array([[0, 1, 0, 0, 0]], dtype))
    assert values.dtype == delta.dtype == dtype
    assert np.isfinite(values).all()
    np.testing.assert_allclose(delta, [[2, -2, 0, 5e3, -5e3]])


def test_predictions_apply_each_heads_link_to_its_own_columns(rng):
    loss = heads(("softmax_cross_entropy", "mse", "sigmoid_cross_entropy"), (3, 2, 1), names=("a", "b", "c"))
    scores = rng.normal(size=(4, 6))
    expected = [scipy.special.softmax(scores[:, :3], axis=1), scores[:, 3:5], scipy.special.expit(scores[:, 5:])]
    np.testing.assert_allclose(CostLayer.of(loss).prediction(scores), np.hstack(expected), rtol=1e-13)


def test_the_way_back_through_the_links_is_the_product_with_their_jacobian(rng):
    link = CostLayer.of(heads()).link
    u, dy = rng.normal(size=(2, 3, 5))
    _, cache = link.forward({}, u, EVALUATION)
    dx, gradients = link.backward({}, cache, dy, EVALUATION)
    assert gradients == {}
    for i, j in np.ndindex(u.shape):
        e = np.zeros_like(u)
        e[i, j] = 1e-6
        ends = [np.sum(dy * link.forward({}, u + s * e, EVALUATION)[0]) for s in (1, -1)]
        assert dx[i, j] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-8)


def test_a_head_of_weight_zero_leaves_the_network_to_the_other(rng):
    """Hidden layer and first columns train as those of a network that has the first head alone."""
    both, alone = (
        trainer(heads(weights=(1.0, 0.0)), dtype="float64"),
        trainer("softmax_cross_entropy", 3, dtype="float64"),
    )
    both.trace(X, Y)
    alone.trace(X, COLOR)
    start = both.parameters.copy()
    own = {name: array[..., :3] if name.startswith("out") else array for name, array in start.items()}
    alone.parameters.replace(own)
    both.fit(X, Y, epochs=5, batch_size=8)
    alone.fit(X, COLOR, epochs=5, batch_size=8)
    for name, array in alone.parameters.items():
        found = both.parameters[name]
        np.testing.assert_allclose(found[..., :3] if name.startswith("out") else found, array, rtol=1e-12)
    np.testing.assert_array_equal(both.parameters["out/weight"][:, 3:], start["out/weight"][:, 3:])


# ---------------------------------------------------------------------------------------------------- end to end


def test_a_class_and_quantities_are_trained_together_saved_and_loaded(tmp_path):
    made = trainer(heads())
    losses = made.fit(X, Y, epochs=60, batch_size=8, validation=(X, Y)).train["loss"]
    assert losses[-1] < 0.3 * losses[0]
    found = made.predict_labels(X)
    assert list(found) == ["color"]
    assert (found["color"] == COLOR).mean() > 0.9
    prediction = made.predict(X)
    assert prediction.shape == (N, 5)
    np.testing.assert_allclose(prediction[:, :3].sum(axis=1), 1, rtol=1e-5)
    assert np.mean((prediction[:, 3:] - PLACE) ** 2) < 0.2 * PLACE.var()
    made.save(tmp_path / "model.safetensors")
    again = bp.Trainer.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(X), prediction)
    np.testing.assert_array_equal(again.predict_labels(X)["color"], found["color"])
    assert again.evaluate(X, Y) == made.evaluate(X, Y)
    with pytest.raises(DataError, match=r"y of head 'color': y has labels that the model does not know: \['pink'\]"):
        again.evaluate(X, {**Y, "color": np.where(COLOR == "red", "pink", COLOR)})


def test_targets_may_stand_side_by_side_in_one_array():
    number = np.searchsorted(["blue", "green", "red"], COLOR)
    columns = np.hstack([np.eye(3)[number], PLACE])
    by_name, at_once = trainer(heads()), trainer(heads())
    by_name.fit(X, Y, epochs=3)
    at_once.fit(X, columns, epochs=3)
    np.testing.assert_array_equal(at_once.predict(X), by_name.predict(X))
    labels = by_name.predict_labels(X)["color"]
    np.testing.assert_array_equal(at_once.predict_labels(X)["color"], np.searchsorted(["blue", "green", "red"], labels))


def test_heads_are_numbered_where_they_have_no_names():
    loss = bp.losses.heads(losses=(bp.losses.softmax_cross_entropy(), bp.losses.mse()), widths=(3, 2))
    made = trainer(loss)
    made.fit(X, {"head_1": COLOR, "head_2": PLACE}, epochs=1)
    assert list(made.predict_labels(X)) == ["head_1"]


# -------------------------------------------------------------------------------------------------- targets and labels


def test_each_head_encodes_its_own_labels_and_gives_them_back():
    loss = heads(
        ("hinge", "gaussian_nll", "poisson", "cross_entropy"), (1, 2, 1, 3), names=("sick", "size", "visits", "kind")
    )
    y = {"sick": [True, False, True], "size": [1.5, 2.5, 0.5], "visits": [0, 3, 1], "kind": [7, 9, 8]}
    seen, known = task(loss, 7).admit(np.zeros((3, 3)), y)
    expected = [[1, 1.5, 0, 1, 0, 0], [0, 2.5, 3, 0, 0, 1], [1, 0.5, 1, 0, 1, 0]]
    np.testing.assert_array_equal(seen.target, expected)
    values, delta = loss.value_and_delta(np.zeros((3, 7)), seen.target)
    assert (values.shape, delta.shape) == ((3,), (3, 7))
    scores = np.array([[2.0, 0, 0, 0, 0.9, 0, 0.1], [-1, 0, 0, 0, 0, 0, 1], [3, 0, 0, 0, 0, 1, 0]])
    labels = known.labels(scores)
    assert {name: found.tolist() for name, found in labels.items()} == {"sick": y["sick"], "kind": y["kind"]}
    assert json.loads(json.dumps(known.learned)) == known.learned


def test_a_head_may_hold_heads():
    inner = heads(("sigmoid_cross_entropy", "mse"), (1, 1), names=("yes", "size"))
    loss = bp.losses.heads(losses=(inner, bp.losses.mae()), widths=(2, 1), names=("both", "age"))
    y = {"both": {"yes": ["n", "y"], "size": [1.0, 2.0]}, "age": [3.0, 4.0]}
    seen, known = task(loss, 3).admit(np.zeros((2, 3)), y)
    np.testing.assert_array_equal(seen.target, [[0, 1, 3], [1, 2, 4]])
    assert known.labels(np.array([[-1.0, 0, 0], [1, 0, 0]]))["both"]["yes"].tolist() == ["n", "y"]
    names = [name for name, _ in named_metrics(known, None)]
    assert names == ["both.yes.accuracy", "both.size.r2", "both.size.mae", "age.r2", "age.mae"]
    measured = measure(known, np.array([[-1.0, 1, 3], [1, 2, 5]]), seen.target, seen.weight, named_metrics(known, None))
    assert measured["both.yes.accuracy"] == measured["both.size.r2"] == 1
    assert measured["age.mae"] == 0.5


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ({"color": COLOR}, r"y needs an entry for each head \(color, place\), got a mapping of color\."),
        ({**Y, "size": PLACE}, "y needs an entry for each head .* got a mapping of color, place, size"),
        ({}, "y needs an entry for each head .* got a mapping of nothing"),
        ({**Y, "place": PLACE[:-1]}, "y of head 'place': y needs one entry for each row of x: x has 40 rows"),
        ({**Y, "place": PLACE[:, 0]}, "y of head 'place': y needs 2 columns"),
        ({**Y, "color": np.arange(N)}, "y of head 'color': (The network has room for 3 classes|y needs labels like)"),
        (COLOR, "y needs numbers for this loss"),
        (PLACE, "y needs 5 columns"),
        (np.hstack([np.full((N, 3), 0.5), PLACE]), "y of head 'color': y needs rows that sum to 1"),
    ],
)
def test_targets_that_do_not_fit_are_an_error_that_names_the_head(y, message):
    made = trainer(heads())
    with pytest.raises(DataError, match=message):
        made.fit(X, y, epochs=1)
    with pytest.raises(DataError, match=f"validation .*{message}"):
        made.fit(X, Y, epochs=1, validation=(X, y))


def test_a_mapping_for_a_single_loss_is_an_error_with_its_remedy():
    with pytest.raises(
        DataError, match=r"y needs one array \(mappings are for heads\), got a mapping of color, place\."
    ):
        trainer("mse", 2).fit(X, Y, epochs=1)


def test_heads_of_quantities_have_no_labels():
    loss = heads(("mse", "mae"), (1, 1))
    with pytest.raises(DataError, match="Heads predicts quantities"):
        task(loss, 2).labels(np.zeros((2, 2)))


def test_scores_of_another_number_than_the_widths_are_an_error():
    with pytest.raises(ShapeError, match=r"heads needs 5 = 3 \+ 2 scores, got 6"):
        trainer(heads(), 6).fit(X, Y, epochs=1)


# --------------------------------------------------------------------------------------------------------- metrics


def test_each_head_is_measured_by_its_own_default_metrics():
    seen, known = task(heads()).admit(X, Y)
    metrics = named_metrics(known, None)
    assert [name for name, _ in metrics] == ["color.accuracy", "place.r2", "place.mae"]
    scores = seen.target.copy()
    scores[:10, :3] = np.roll(scores[:10, :3], 1, axis=1)
    scores[:, 3] += 0.5
    measured = measure(known, scores, seen.target, seen.weight, metrics)
    assert measured["color.accuracy"] == pytest.approx(0.75)
    assert measured["place.mae"] == pytest.approx(0.25)
    assert measured["place.r2"] == pytest.approx(1 - 0.25 / PLACE[:, 0].var() / 2)


def test_a_head_behind_one_whose_targets_are_narrower_than_its_scores_is_measured_on_its_own_columns():
    y = {"size": [1.0, 2.0, 4.0], "kind": ["a", "b", "a"]}
    seen, known = task(heads(("gaussian_nll", "cross_entropy"), (2, 2), names=("size", "kind")), 4).admit(X[:3], y)
    scores = np.array([[1.5, 9, 1, 0], [2, 9, 1, 0], [4, 9, 1, 0]])
    measured = measure(known, scores, seen.target, seen.weight, named_metrics(known, None))
    assert measured["size.mae"] == pytest.approx(0.5 / 3)
    assert measured["kind.accuracy"] == pytest.approx(2 / 3)


def test_metrics_of_labels_are_for_heads_of_classes():
    names = [name for name, _ in named_metrics(task(heads()), [bp.metrics.accuracy(), bp.metrics.mae()])]
    assert names == ["color.accuracy", "color.mae", "place.mae"]


def test_weights_of_rows_count_in_every_head():
    weight = (np.arange(N) < 10).astype(float)
    seen, known = task(heads()).admit(X, Y, weight)
    scores = seen.target.copy()
    scores[10:] = 100
    measured = measure(known, scores, seen.target, seen.weight, named_metrics(known, None))
    assert measured == {"color.accuracy": 1, "place.r2": 1, "place.mae": 0}
    assert mean_loss(known, scores, seen) == pytest.approx(
        mean_loss(known, scores[:10], task(heads()).admit(X[:10], {k: v[:10] for k, v in Y.items()})[0])
    )


# --------------------------------------------------------------------------------------------------------- made of


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"widths": (3,)}, r"heads needs one of widths for each of 2 losses, got \(3,\)"),
        ({"widths": (3, 0)}, "heads needs a whole number of at least 1 as widths, got 0"),
        ({"weights": (1.0,)}, "heads needs one of weights for each of 2 losses"),
        ({"weights": (1.0, -1.0)}, r"heads needs a number of at least 0 as weights\[1\], got -1.0"),
        ({"names": ("a", "b", "c")}, "heads needs one of names"),
        ({"names": ("a", "a")}, "names that differ"),
        ({"names": ("a.b", "c")}, "have no '.' or '/'"),
        ({"names": ("", "c")}, "names that differ"),
        ({"losses": [], "widths": (), "names": ()}, "heads needs losses"),
        ({"losses": ["mse", "nothing"]}, "no loss named 'nothing'"),
    ],
)
def test_heads_that_cannot_be_are_a_clear_error(arguments, message):
    with pytest.raises((ConfigError, LookupError), match=message):
        heads(**arguments)


def test_a_loss_that_couples_its_rows_is_no_head():
    loss = heads(({"name": "dice", "over": "batch"}, "mse"))
    with pytest.raises(ConfigError, match=r"needs losses of one value a row, but .* couples the rows"):
        loss.value_and_delta(np.zeros((2, 5)), np.zeros((2, 5)))


def test_a_description_makes_equal_heads_again():
    loss = heads(("softmax_cross_entropy", {"name": "huber", "delta": 2.0}), weights=(1.0, 0.5))
    spec = json.loads(json.dumps(describe(registry, "loss", loss)))
    assert spec["losses"][1] == {"name": "huber", "delta": 2.0}
    assert bp.build("loss", spec) == loss
    known = {type(part).__name__: type(part) for part in (loss, *loss.losses)}
    assert eval(repr(loss), known) == loss


def test_columns_of_a_heads_targets_go_by_name(tmp_path):
    pandas = pytest.importorskip("pandas")
    x = np.random.default_rng(0).normal(size=(60, 3))
    table = pandas.DataFrame({"u": 10 * x[:, 0], "v": -10 * x[:, 1]})
    heads = bp.losses.heads(losses=["mse", "softmax_cross_entropy"], widths=[2, 3], names=["a", "b"])
    trainer = bp.Trainer(bp.Network([bp.layers.dense(5)]), heads, "adam")
    labels = np.arange(60) % 3
    trainer.fit(x, {"a": table, "b": labels}, epochs=3)
    trainer.save(tmp_path / "model")
    for each in (trainer, bp.Trainer.load(tmp_path / "model")):
        measured = each.evaluate(x, {"a": table, "b": labels})
        assert each.evaluate(x, {"a": table[["v", "u"]], "b": labels}) == measured
        with pytest.raises(DataError, match="y of head 'a': y needs a column 'u'"):
            each.evaluate(x, {"a": table.rename(columns={"u": "w"}), "b": labels})
