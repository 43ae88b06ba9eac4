"""scikit-learn's multi-layer perceptrons on bpframe: the same arguments and attributes, every plugin besides.

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
