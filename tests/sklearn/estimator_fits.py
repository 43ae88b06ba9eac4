"""Data sets, settings of estimators, and fits of both libraries with the same random_state."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning

from bpframe.sklearn import MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
ROWS, TARGET = load_diabetes(return_X_y=True)
LABELS = np.column_stack([Y == 0, Y > 0, Y == 2]).astype(int)
EPOCHS: dict[str, Any] = {"max_iter": 12, "random_state": 3}


def fitted(estimator: Any, x: Any, y: Any, *further: Any, **more: Any) -> Any:
    """The estimator, trained without a word about convergence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # scikit-learn 1.6 with a newer SciPy
        return estimator.fit(x, y, *further, **more)


def ours(name: str, **settings: Any) -> Any:
    """Our estimator of that name."""
    return {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[name](**EPOCHS | settings)
