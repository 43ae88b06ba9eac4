"""What a report says of a model: against scikit-learn, against loops, and against what was planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix as sklearn_matrix

import bpframe as bp
from bpframe.report.importance import Importance, mean_importance
from bpframe.report.measurement import measure_model
from bpframe.report.residuals import SHARES, column_residuals


def classifier(labels: list[str], rows: int = 120) -> tuple[bp.Trainer, np.ndarray, np.ndarray]:
    """A fitted trainer, and rows whose last column says nothing."""
    x = np.random.default_rng(0).normal(size=(rows, 3))
    y = np.array(labels)[np.clip((x[:, 0] * 1.5 + len(labels) / 2).astype(int), 0, len(labels) - 1)]
    outputs = 1 if len(labels) == 2 else len(labels)
    loss = "sigmoid_cross_entropy" if outputs == 1 else "softmax_cross_entropy"
    network = bp.Network([bp.layers.dense(8, activation="tanh"), bp.layers.dense(outputs)])
    trainer = bp.Trainer(network, loss, bp.optimizers.adam(lr=0.02), seed=1)
    trainer.fit(x, y, epochs=15, verbose=0)
    return trainer, x, y


@pytest.mark.parametrize("labels", [["a", "b"], ["c", "a", "b"]])
def test_confusion_is_that_of_scikit_learn(labels: list[str]) -> None:
    trainer, x, y = classifier(labels)
    found = measure_model(trainer, "test", x, y)
    assert found.confusion is not None
    assert found.classes == tuple(sorted(labels))
    np.testing.assert_array_equal(found.confusion, sklearn_matrix(y, trainer.predict_labels(x)))
    assert (found.part, found.rows, found.of_rows, found.worst) == ("test", len(x), len(x), ())


def test_confidence_is_that_of_the_predicted_class() -> None:
    trainer, x, y = classifier(["a", "b"])
    found = measure_model(trainer, "test", x, y).calibration
    assert found is not None
    positive = trainer.predict(x)[:, 0]
    sure = sum(p if p >= 0.5 else 1 - p for p in positive.tolist())
    assert float(found.rows @ found.probability) == pytest.approx(sure, rel=1e-5)
    right = (trainer.predict_labels(x) == y).sum()
    assert float(found.rows @ found.share) == pytest.approx(right)


def test_importance_is_the_rise_of_the_loss_and_none_for_a_column_that_says_nothing() -> None:
    trainer, x, y = classifier(["c", "a", "b"])
    found = measure_model(trainer, "test", x, y).importance
    assert found is not None
    generator = np.random.default_rng(0)
    orders = [generator.permutation(len(x)) for _ in range(5)]
    before = trainer.evaluate(x, y)["loss"]
    for k in range(3):
        rises = []
        for order in orders:
            shuffled = x.copy()
            shuffled[:, k] = x[order, k]
            rises.append(trainer.evaluate(shuffled, y)["loss"] - before)
        assert found.increase[k] == pytest.approx(np.mean(rises), abs=1e-6)
        assert found.deviation[k] == pytest.approx(np.std(rises), abs=1e-6)
    assert found.increase[0] > 10 * abs(found.increase[2])
    assert found.columns == ("0", "1", "2")


def test_importance_over_seeds_has_the_interval_of_their_mean() -> None:
    columns, values = ("a", "b"), np.array([[1.0, 0.5], [2.0, 0.5], [4.5, 0.5]])
    found = mean_importance([Importance(columns, row, row) for row in values])
    low, high = stats.t.interval(0.95, 2, values[:, 0].mean(), stats.sem(values[:, 0]))
    assert (found.increase[0] - found.deviation[0], found.increase[0] + found.deviation[0]) == pytest.approx(
        (low, high)
    )
    assert (found.increase[1], found.deviation[1]) == (0.5, 0.0)


def test_residuals_are_of_the_units_of_y_and_show_no_row(rng: np.random.Generator) -> None:
    truth = rng.normal(size=(60, 1)) * 100
    guess = truth + rng.normal(size=(60, 1))
    (found,) = column_residuals(truth, guess)
    left = (truth - guess)[:, 0]
    assert (found.mean, found.deviation) == pytest.approx((left.mean(), left.std()))
    assert found.r2 == pytest.approx(1 - (left**2).sum() / ((truth - truth.mean()) ** 2).sum())
    first = np.argsort(guess[:, 0])[:5]
    assert found.prediction[0] == pytest.approx(guess[first].mean())
    np.testing.assert_allclose(found.quantiles[0], [np.quantile(left[first], share) for share in SHARES])
    assert len(found.prediction) == 12
    assert column_residuals(truth[:4], guess[:4]) == ()  # of so few a quantile is a row


def test_a_model_of_quantities_has_residuals_in_the_units_of_its_targets() -> None:
    x = np.linspace(-2, 2, 80)[:, None]
    y = 1000 + 50 * x[:, 0]
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", "adam", standardize_target=True, seed=0)
    trainer.fit(x, y, epochs=3, verbose=0)
    found = measure_model(trainer, "train", x, y)
    assert (found.confusion, found.calibration) == (None, None)
    assert found.residuals[0].mean == pytest.approx(float((y - trainer.predict(x)[:, 0]).mean()))


def test_worst_rows_are_those_of_the_largest_loss_as_images_where_rows_are() -> None:
    x, y = bp.datasets.load("digits")
    x, y = x[:100], y[:100]
    network = bp.Network([bp.layers.reshape((8, 8)), bp.layers.flatten(), bp.layers.dense(10)])
    trainer = bp.Trainer(network, "softmax_cross_entropy", "adam", seed=0)
    trainer.fit(x, y, epochs=2, verbose=0)
    worst = measure_model(trainer, "test", x, y, include_rows=True).worst
    losses = -np.log(trainer.predict(x)[np.arange(100), y])
    assert [row.number for row in worst] == np.argsort(-losses)[:12].tolist()
    assert worst[0].loss == pytest.approx(losses.max(), rel=1e-4)
    assert worst[0].image is not None
    np.testing.assert_array_equal(worst[0].image, (x[worst[0].number].reshape(8, 8) / 16 * 255).astype(np.uint8))


@pytest.mark.parametrize("y", ["heads", "positions"])
def test_a_model_of_several_answers_is_measured_by_its_columns_alone(y: str) -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    if y == "heads":
        loss = bp.losses.heads(["mse", "softmax_cross_entropy"], [1, 2], names=["a", "b"])
        trainer = bp.Trainer(bp.Network([bp.layers.dense(3)]), loss, seed=0)
        target: object = {"a": x[:, :1], "b": (x[:, 1] > 0).astype(int)}
    else:
        layers = [bp.layers.reshape((2, 2)), bp.layers.dense(2)]
        trainer = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", seed=0)
        target = (x[:, :2] > 0).astype(int)
    trainer.fit(x, target, epochs=1, verbose=0)
    found = measure_model(trainer, "test", x, target)
    assert (found.confusion, found.residuals, found.calibration) == (None, (), None)
    assert found.importance is not None
