"""scikit-learn's contract for estimators: its own checks, those that it yields and the public ones that it does not.

What needs SCIPY_ARRAY_API, which is read when SciPy is imported, runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.datasets import load_diabetes, load_iris
from sklearn.utils import estimator_checks

from bpframe.sklearn import MLPClassifier, MLPRegressor

pytest.importorskip("pandas", reason="some of the checks need it")
BOTH = pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
ALL_CHECKS = """
import json, sys, warnings
from sklearn.utils.estimator_checks import check_estimator
import bpframe.sklearn

warnings.simplefilter("ignore")
found = check_estimator(getattr(bpframe.sklearn, sys.argv[1])(), on_fail=None, on_skip=None)
print(json.dumps([[c["check_name"], c["status"], c["expected_to_fail"], repr(c["exception"])] for c in found]))
"""
NEEDS_DECISION_FUNCTION = "check_classifiers_multilabel_output_format_decision_function"  # which MLPs do not have


class Checked(NamedTuple):
    """An estimator, and (check, status, whether it was expected to fail, exception) of every check."""

    estimator: Any
    outcomes: list[tuple[str, str, bool, str]]


@pytest.fixture(scope="module", params=[MLPClassifier, MLPRegressor])
def checked(request: Any) -> Checked:
    """Each of the two, checked with SCIPY_ARRAY_API set."""
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    command = [sys.executable, "-c", ALL_CHECKS, request.param.__name__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return Checked(request.param, [tuple(outcome) for outcome in json.loads(done.stdout)])


def yielded(estimator: Any) -> Counter[str]:
    """The names of the checks that scikit-learn has for an estimator."""
    return Counter(_name(check) for _, check in estimator_checks.estimator_checks_generator(estimator))


def _name(check: Any) -> str:
    while hasattr(check, "func"):
        check = check.func
    return str(check.__name__)


def test_every_check_passes_and_none_is_expected_to_fail(checked):
    failed = [(name, why) for name, status, _, why in checked.outcomes if status not in ("passed", "skipped")]
    assert failed == []
    assert not any(expected for _, _, expected, _ in checked.outcomes)


def test_only_the_check_of_a_method_that_theirs_lack_too_is_skipped(checked):
    skipped = [name for name, status, _, _ in checked.outcomes if status == "skipped"]
    assert skipped == [NEEDS_DECISION_FUNCTION] * (checked.estimator is MLPClassifier)
    assert not hasattr(getattr(sklearn.neural_network, checked.estimator.__name__)(), "decision_function")


def test_the_checks_are_those_of_scikit_learns_own_and_class_weight_brings_one(checked):
    theirs = yielded(getattr(sklearn.neural_network, checked.estimator.__name__)())
    ours = yielded(checked.estimator())
    sample_weights = {name for name in ours if "sample_weight" in name}  # theirs have them since 1.7
    assert not theirs - ours
    wanted = {"check_class_weight_classifiers"} if checked.estimator is MLPClassifier else set()
    assert wanted <= set(ours - theirs) <= wanted | sample_weights
    assert len(checked.outcomes) == sum(ours.values())


def test_a_broken_estimator_does_not_pass(monkeypatch):
    def forgetful(self: Any, X: Any) -> Any:
        self.seen = X
        return np.zeros(len(X))

    monkeypatch.setattr(MLPRegressor, "predict", forgetful)
    found = estimator_checks.check_estimator(MLPRegressor(max_iter=2), on_fail=None, on_skip=None)
    assert "check_dict_unchanged" in {check["check_name"] for check in found if check["status"] == "failed"}


NOT_YIELDED: dict[str, Callable[..., None]] = {
    name: getattr(estimator_checks, name)
    for name in (
        "check_param_validation",
        "check_dataframe_column_names_consistency",
        "check_n_features_in",
        "check_inplace_ensure_writeable",
    )
    if hasattr(estimator_checks, name)
}


@BOTH
@pytest.mark.parametrize("check", NOT_YIELDED)
@pytest.mark.usefixtures("quiet")
def test_public_checks_that_are_not_yielded_pass(estimator, check):
    NOT_YIELDED[check](estimator.__name__, estimator(max_iter=5))


@pytest.mark.usefixtures("quiet")
def test_checks_of_several_outputs_pass():
    estimator_checks.check_regressor_multioutput("MLPRegressor", MLPRegressor(max_iter=5))
    estimator_checks.check_classifier_multioutput("MLPClassifier", MLPClassifier(max_iter=5))


@BOTH
@pytest.mark.usefixtures("quiet")
def test_lists_and_other_sequences_are_taken_for_arrays(estimator):
    X, y = (load_iris if estimator is MLPClassifier else load_diabetes)(return_X_y=True)
    check = estimator_checks.check_estimators_data_not_an_array
    for kind in ("NotAnArray", "PandasDataframe"):
        check(estimator.__name__, estimator(max_iter=3), X[:50], y[:50], kind)


def test_every_argument_has_a_constraint_and_a_wrong_one_is_named():
    for estimator in (MLPClassifier, MLPRegressor):
        assert set(estimator._parameter_constraints) == set(estimator().get_params())
    with pytest.raises(ValueError, match=r"The 'solver' parameter of MLPClassifier must be a str among .*'adam'"):
        MLPClassifier(solver="adma").fit([[0.0], [1.0]], [0, 1])
