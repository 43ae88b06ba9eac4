"""The estimators among scikit-learn's tools: searches, pipelines, routing, calibration, and several processes."""

from __future__ import annotations

import os
import subprocess
import sys

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, StackingRegressor, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import bpframe as bp
from bpframe.sklearn import MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
ROWS, TARGET = load_diabetes(return_X_y=True)


pytestmark = pytest.mark.usefixtures("quiet")


def small(**settings: object) -> MLPClassifier:
    """A classifier that trains in a moment."""
    return MLPClassifier(
        **{"hidden_layer_sizes": (8,), "max_iter": 20, "learning_rate_init": 0.05, "random_state": 0, **settings}
    )


def test_a_clone_has_the_arguments_and_nothing_fitted():
    model = small(activation=["tanh"], solver=bp.optimizers.lion(), validation_set=(X, Y)).fit(X, Y)
    copy = clone(model)
    assert not hasattr(copy, "coefs_")
    given = copy.get_params()
    assert given["solver"] == model.solver
    assert given["activation"] == ["tanh"]


@pytest.mark.parametrize("jobs", [None, 2])
def test_a_search_over_plugins_finds_the_best(jobs):
    grid = {"solver": ["adam", "lion", {"name": "adamw", "lr": 0.05}], "loss": ["log_loss", "focal"]}
    search = GridSearchCV(small(), grid, cv=3, n_jobs=jobs).fit(X, Y)
    assert search.best_score_ > 0.9
    assert len(search.cv_results_["params"]) == 6
    np.testing.assert_array_equal(search.predict(X), search.best_estimator_.predict(X))


def test_pipelines_scale_for_it_and_keep_names_of_columns():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), small()).fit(frame, Y)
    assert model[-1].feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert model.score(frame, Y) > 0.9
    assert cross_validate(model, frame, Y, cv=3, error_score="raise")["test_score"].mean() > 0.85


def test_sample_weights_are_routed():
    weight = np.where(Y == 0, 5.0, 0.1)
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False), small().set_fit_request(sample_weight=True)
        )
        routed = pipeline.fit(X, Y, sample_weight=weight)
        assert "classes" in str(MLPClassifier().set_partial_fit_request(classes=True).get_metadata_routing())
    direct = small().fit(StandardScaler().fit_transform(X), Y, weight)
    np.testing.assert_array_equal(routed[-1].coefs_[0], direct.coefs_[0])


def test_calibration_importance_and_ensembles_take_it():
    calibrated = CalibratedClassifierCV(small(), cv=3).fit(X, Y)
    assert calibrated.score(X, Y) > 0.9
    model = small().fit(X, Y)
    assert permutation_importance(model, X, Y, n_repeats=3, random_state=0).importances_mean.max() > 0.05
    voting = VotingClassifier([("a", small()), ("b", small(random_state=1))], voting="soft").fit(X, Y)
    assert voting.score(X, Y) > 0.9
    assert BaggingClassifier(small(), n_estimators=3, random_state=0).fit(X, Y).score(X, Y) > 0.85
    assert cross_val_predict(small(), X, Y, method="predict_proba", cv=3).shape == (150, 3)


def test_regressors_among_their_neighbours():
    network = MLPRegressor(hidden_layer_sizes=(16,), solver="lbfgs", max_iter=100, random_state=0)
    for model in (
        TransformedTargetRegressor(network, transformer=StandardScaler()),
        StackingRegressor([("mlp", network)], Ridge(), cv=3),
        make_pipeline(StandardScaler(), network),
    ):
        assert model.fit(ROWS, TARGET).score(ROWS, TARGET) > 0.3
    two = np.column_stack([TARGET, -TARGET])
    assert MultiOutputRegressor(network).fit(ROWS, two).predict(ROWS).shape == two.shape


def threads_in_a_fit() -> int:
    """The most threads that a linear algebra library may use while a model is trained here."""
    from threadpoolctl import threadpool_info

    small().fit(X, Y)
    return max(pool["num_threads"] for pool in threadpool_info())


def test_processes_side_by_side_bound_their_threads_and_give_the_same_models():
    pytest.importorskip("threadpoolctl")
    cores = joblib.cpu_count()
    threads = joblib.Parallel(n_jobs=2)(joblib.delayed(threads_in_a_fit)() for _ in range(2))
    assert max(threads) <= max(1, cores // 2)
    models = joblib.Parallel(n_jobs=2)(joblib.delayed(small().fit)(X, Y) for _ in range(2))
    for model in models:
        np.testing.assert_array_equal(model.coefs_[0], small().fit(X, Y).coefs_[0])


def test_importing_bpframe_does_not_import_scikit_learn_and_its_absence_is_told():
    code = "import sys, bpframe; bpframe.Trainer; assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys; sys.modules['sklearn'] = None; import bpframe.sklearn"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr
    assert 'pip install "bpframe[sklearn]"' in done.stderr
