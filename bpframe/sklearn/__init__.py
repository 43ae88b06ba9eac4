"""The scikit-learn estimators MLPClassifier and MLPRegressor, run by bpframe and open to all of its plugins.

from bpframe.sklearn import MLPClassifier, MLPRegressor

`to_sklearn(trainer)` makes scikit-learn's own MLP of a trainer, `register_onnx()` has skl2onnx convert the estimators.
"""

from __future__ import annotations

try:
    import sklearn  # noqa: F401  # only to say what is missing
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(f'{missing}. Install it: pip install "bpframe[sklearn]"') from missing

from bpframe.sklearn.classifier import MLPClassifier
from bpframe.sklearn.onnx_converter import register_onnx
from bpframe.sklearn.regressor import MLPRegressor
from bpframe.sklearn.to_sklearn import to_sklearn

__all__ = ["MLPClassifier", "MLPRegressor", "register_onnx", "to_sklearn"]
