"""Callbacks of scikit-learn, margins instead of probabilities, and losses whose predictions do not stand next to y."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier

from bpframe.errors import ShapeError
from bpframe.sklearn import MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
LETTERS = np.array(["a", "b", "c"])


pytestmark = pytest.mark.usefixtures("quiet")


def small(**settings: object) -> MLPClassifier:
    return MLPClassifier(
        **{"hidden_layer_sizes": (6,), "max_iter": 30, "learning_rate_init": 0.03, "random_state": 0, **settings}
    )


# ------------------------------------------------------------------------------------------------------------- margins


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "modified_huber", "multiclass_hinge", "crammer_singer"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_decision_function_of_a_margin_loss_gives_the_labels_that_predict_gives(loss, classes):
    x, y = X[classes > Y], LETTERS[Y[classes > Y]]
    model = small(loss=loss).fit(x, y)
    margins = model.decision_function(x)
    assert margins.shape == ((len(x),) if classes == 2 else (len(x), 3))
    numbers = (margins > 0).astype(int) if classes == 2 else margins.argmax(axis=1)
    np.testing.assert_array_equal(model.classes_[numbers], model.predict(x))
    assert not hasattr(model, "predict_proba")


def test_a_loss_with_probabilities_has_no_decision_function_as_in_scikit_learn():
    assert not hasattr(small(), "decision_function")
    assert not hasattr(small(loss="focal"), "decision_function")
    with pytest.raises(AttributeError, match="decision_function"):
        small().decision_function(X)


def test_margins_of_several_labels_a_row_have_a_column_each():
    labels = np.column_stack([Y == 0, Y > 0])
    model = small(loss="hinge").fit(X, labels.astype(int))
    margins = model.decision_function(X)
    assert margins.shape == (150, 2)
    np.testing.assert_array_equal(margins >= 0, model.predict(X).astype(bool))


def test_tools_that_need_margins_or_probabilities_take_a_margin_loss():
    x, y = X[Y > 0], Y[Y > 0]
    model = small(loss="hinge")
    assert CalibratedClassifierCV(model, cv=3).fit(x, y).predict_proba(x).shape == (100, 2)
    assert TunedThresholdClassifierCV(model, cv=3).fit(x, y).score(x, y) > 0.85
    assert OneVsRestClassifier(model).fit(X, Y).score(X, Y) > 0.7
    areas = cross_val_score(model, x, y, scoring="roc_auc", cv=3)
    assert areas.min() > 0.8
    fitted = model.fit(x, y)
    assert roc_auc_score(y, fitted.decision_function(x)) > 0.9


# ---------------------------------------------------------------------------------- losses with targets of another kind


@dataclass(frozen=True)
class Cox:
    """Cox's partial likelihood (Breslow): y holds (time, whether the event was seen), one score a row."""

    link: ClassVar[str] = "identity"
    coupled: ClassVar[bool] = True

    def target_width(self, outputs: int) -> int:
        return 2 * outputs

    def value_and_delta(self, scores, target):
        order = np.argsort(-target[:, 0], kind="stable")
        risk = np.exp(scores[order, 0])
        at_risk, events = np.cumsum(risk), target[order, 1]
        value = float(np.sum(events * (np.log(at_risk) - scores[order, 0])) / max(events.sum(), 1))
        later = np.cumsum((events / at_risk)[::-1])[::-1]
        delta = np.empty_like(scores)
        delta[order, 0] = (risk * later - events) / max(events.sum(), 1)
        return np.asarray(value, dtype=scores.dtype), delta


@dataclass(frozen=True)
class TwoComponents:
    """-log of an even mixture of N(a, 1) and N(b, 1): two scores a target, without a point of its own."""

    link: ClassVar[str] = "identity"

    def target_width(self, outputs: int) -> int:
        if outputs % 2:
            raise ShapeError("needs an even number")
        return outputs // 2

    def value_and_delta(self, scores, target):
        logs = -0.5 * (scores - target) ** 2
        total = np.logaddexp(logs[:, :1], logs[:, 1:])
        share = np.exp(logs - total)
        return -total[:, 0], share * (scores - target)


def survival() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.column_stack([np.exp(-X[:, 0]) * rng.exponential(size=150), rng.random(150) < 0.8])


@pytest.mark.parametrize(("loss", "y"), [(Cox(), survival()), (TwoComponents(), np.abs(X[:, 0]))])
def test_score_and_early_stopping_work_by_the_loss_where_predictions_do_not_stand_next_to_y(loss, y):
    settings = {"hidden_layer_sizes": (4,), "batch_size": 90, "max_iter": 40, "random_state": 0}
    model = MLPRegressor(loss, learning_rate_init=0.05, **settings).fit(X, y)
    scores = model._scores(X)
    value, _ = loss.value_and_delta(scores, y.reshape(150, -1))
    assert model.score(X, y) == pytest.approx(-np.mean(value))
    weight = np.arange(150) % 2
    if not getattr(loss, "coupled", False):
        assert model.score(X, y, weight) == pytest.approx(-np.average(value, weights=weight))
    early = MLPRegressor(loss, early_stopping=True, **settings).fit(X, y)
    assert early.best_validation_score_ == max(early.validation_scores_)
    assert np.isfinite(cross_val_score(model, X, y, cv=3, error_score="raise")).all()


def test_predictions_that_stand_next_to_y_are_scored_by_r2():
    model = MLPRegressor("gaussian_nll", (4,), max_iter=20, random_state=0).fit(X, X[:, 0])
    assert model.score(X, X[:, 0]) == r2_score(X[:, 0], model.predict(X))


# ------------------------------------------------------------------------------------------- callbacks of scikit-learn


class Recorder:
    """A callback of scikit-learn that notes what it is told, and stops the fit at the end of epoch `last`."""

    max_propagation_depth = None

    def __init__(self, last: int | None = None) -> None:
        self.last, self.log, self.accuracy = last, [], []

    def setup(self, estimator, context):
        self.log.append("setup")

    def teardown(self, estimator, context):
        self.log.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, metadata=None):
        self.log.append(f"begin {context.task_name} {context.task_id}")
        self.rows, self.metadata = X, metadata

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.log.append(f"end {context.task_name} {context.task_id}")
        if fitted_estimator is not None:  # a search has none before its end
            self.accuracy.append(fitted_estimator.score(X, y))
        return context.task_name == "epoch" and context.task_id == self.last


callbacks = pytest.mark.skipif(not hasattr(MLPClassifier, "set_callbacks"), reason="scikit-learn before 1.9")


@callbacks
@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_each_epoch_is_a_task_and_a_callback_that_asks_for_it_stops_the_fit(engine):
    recorder = Recorder(last=2)
    model = small(engine=engine).set_callbacks(recorder).fit(X, Y, np.ones(150))
    epochs = [f"{when} epoch {number}" for number in range(3) for when in ("begin", "end")]
    assert recorder.log == ["setup", "begin fit 0", *epochs, "end fit 0", "teardown"]
    assert model.n_iter_ == 3
    assert recorder.rows is X
    assert list(recorder.metadata) == ["sample_weight"]
    steps = [small(engine=engine, max_iter=n).fit(X, Y).score(X, Y) for n in (1, 2, 3)]
    assert recorder.accuracy == [*steps, steps[-1]]


@callbacks
def test_callbacks_do_not_change_a_fit_and_are_torn_down_after_an_error():
    plain, heard = small().fit(X, Y), small().set_callbacks(Recorder()).fit(X, Y)
    np.testing.assert_array_equal(plain.coefs_[0], heard.coefs_[0])
    recorder = Recorder()
    with pytest.raises(ValueError, match="NaN"):
        small().set_callbacks(recorder).fit(np.full((6, 2), np.nan), [0, 1] * 3)
    recorder.log.clear()
    with pytest.raises(ValueError, match="non-finite"):
        small(solver="sgd", learning_rate_init=1e30).set_callbacks(recorder).fit(1e6 * X, Y)
    assert recorder.log[-1] == "teardown"


@callbacks
def test_a_search_hands_its_callbacks_on():
    recorder = Recorder()
    GridSearchCV(small(max_iter=2), {"alpha": [0.1, 0.01]}, cv=2).set_callbacks(recorder).fit(X, Y)
    assert recorder.log.count("end epoch 1") == 5
    assert recorder.log.count("setup") == recorder.log.count("teardown") == 1


def test_the_page_of_an_estimator_is_linked_in_its_diagram():
    assert "pypi.org/project/bpframe" in small()._get_doc_link()
