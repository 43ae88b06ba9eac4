"""The scikit-learn estimators MLPClassifier and MLPRegressor, run by bpframe and open to all of its plugins.

from bpframe.sklearn import MLPClassifier, MLPRegressor
"""

from __future__ import annotations

try:
    import sklearn  # noqa: F401  # only to say what is missing
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(f'{missing}. Install it: pip install "bpframe[sklearn]"') from missing

from bpframe.sklearn.classifier import MLPClassifier
from bpframe.sklearn.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
