"""scikit-learn's own tests of its perceptrons, run on these: the installed file, its import replaced in memory.

Left out are tests of private attributes, each below with its reason; what they are about is tested elsewhere.
"""

from __future__ import annotations

import inspect
import types
from pathlib import Path
from typing import Any

import pytest
import sklearn.neural_network

SOURCE = Path(sklearn.neural_network.__file__).parent / "tests" / "test_mlp.py"
THEIRS = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
OURS = "from bpframe.sklearn import MLPClassifier, MLPRegressor"

PRIVATE = {
    "test_gradient": "calls _loss_grad_lbfgs; the gradients of every component are checked by bpframe.testing",
    "test_learning_rate_warmstart": "reads _optimizer.learning_rate; history_.lr, tested in test_sklearn.py",
    "test_adaptive_learning_rate": "reads _optimizer.learning_rate; history_.lr, tested in test_sklearn.py",
}


def own_tests() -> types.ModuleType:
    """Their module with our import."""
    source = SOURCE.read_text(encoding="utf-8")
    assert source.count(THEIRS) == 1
    module = types.ModuleType("sklearn_own_tests")
    exec(compile(source.replace(THEIRS, OURS), str(SOURCE), "exec"), vars(module))
    return module


THEIR = own_tests()


@pytest.mark.parametrize("name", PRIVATE)
def test_what_is_left_out_exists_and_reads_private_attributes(name):
    source = inspect.getsource(getattr(THEIR, name))
    assert "._optimizer." in source or "._loss_grad_lbfgs(" in source


for _name, _test in vars(THEIR).items():
    if _name.startswith("test_") and _name not in PRIVATE:
        globals()[_name] = pytest.mark.filterwarnings("default")(_test)


@pytest.fixture(params=[0])
def global_random_seed(request: Any) -> int:
    """scikit-learn's fixture of that name, with the seed that its own runs take."""
    return int(request.param)
