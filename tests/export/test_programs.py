"""The forms without a runtime: Python, C and JavaScript predict what the trainer does."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, IncompatibleComponent
from bpframe.export.c.header import c_header
from bpframe.export.javascript.module import js_module
from bpframe.export.python.source import python_source
from tests.executables import executable
from tests.export.components import CASES, predictor
from tests.export.models import X, Y, classifier, fitted, require_equal
from tests.export.programs import c_predictions, js_predictions, python_module

HEADS = {"losses": ["softmax_cross_entropy", "mse"], "widths": [3, 1], "names": ["kind", "size"]}


def heads(dtype):
    """Two heads, one with targets far from 0."""
    y = {"kind": Y, "size": 1e6 + 10 * X[:, 0]}
    layers = ["standardize", {"name": "dense", "units": 4}]
    return fitted(layers, bp.losses.heads(**HEADS), y, standardize_target=True, dtype=dtype)


MODELS = {"classifier": classifier, "heads": heads}


@pytest.fixture(params=[(name, dtype) for name in MODELS for dtype in ("float32", "float64")], ids="-".join)
def model(request):
    """(trainer, dtype)"""
    name, dtype = request.param
    return MODELS[name](dtype), dtype


@pytest.mark.parametrize("rows", [1, 60])
def test_the_python_form_predicts_and_labels_as_the_trainer_does(tmp_path, model, rows):
    trainer, dtype = model
    module = python_module(bp.export(trainer, tmp_path / "model.py"))
    module.self_test()
    require_equal(module.predict(X[:rows]), trainer.predict(X[:rows]), dtype)
    require_equal(module.scores(X[:rows]), trainer.scores(X[:rows]), dtype)
    if len(trainer.task.heads):
        assert module.predict_labels(X, "kind.labels").tolist() == trainer.predict_labels(X)["kind"].tolist()
    else:
        assert module.predict_labels(X).tolist() == trainer.predict_labels(X).tolist()


def test_the_python_form_needs_numpy_alone_and_proves_itself(tmp_path):
    file = bp.export(classifier(), tmp_path / "model.py")
    hide = "import sys; sys.modules['bpframe'] = None; import runpy; runpy.run_path('model.py', run_name='__main__')"
    made = subprocess.run(["python3", "-c", hide], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert made.stdout == "the known answers come back\n"
    broken = file.read_text().replace("np.exp(", "np.sin(")
    file.write_text(broken)
    with pytest.raises(AssertionError):
        python_module(file).self_test()


def test_the_c_form_predicts_as_the_trainer_does(tmp_path, model):
    trainer, dtype = model
    header = bp.export(trainer, tmp_path / "model.h")
    want, x = trainer.predict(X), X.astype(dtype)
    made = c_predictions({"model": header}, {"model": x}, {"model": want.dtype.name})
    require_equal(np.frombuffer(made, want.dtype).reshape(want.shape), want, dtype)


def test_the_javascript_form_predicts_as_the_trainer_does(tmp_path, model):
    trainer, dtype = model
    module, want = bp.export(trainer, tmp_path / "model.mjs"), trainer.predict(X)
    made = js_predictions({"model": module}, {"model": X})["model"]
    require_equal(made.astype(want.dtype), want, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_component_computes_the_same_in_c(tmp_path, dtype):
    examples = {f"m{k}": predictor(*case, dtype) for k, case in enumerate(CASES)}
    headers = {prefix: tmp_path / f"{prefix}.h" for prefix in examples}
    for prefix, (made, _) in examples.items():
        headers[prefix].write_text(c_header(made, prefix))
    inputs = {prefix: each.x for prefix, (_, each) in examples.items()}
    made = c_predictions(headers, inputs, dict.fromkeys(examples, dtype))
    _require_all_equal(np.frombuffer(made, dtype), examples, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_component_computes_the_same_in_javascript(tmp_path, dtype):
    examples = {f"m{k}": predictor(*case, dtype) for k, case in enumerate(CASES)}
    modules = {name: tmp_path / f"{name}.mjs" for name in examples}
    for name, (made, _) in examples.items():
        modules[name].write_text(js_module(made))
    made = js_predictions(modules, {name: each.x for name, (_, each) in examples.items()})
    _require_all_equal(np.concatenate([made[name].ravel() for name in examples]).astype(dtype), examples, dtype)


def _require_all_equal(made, examples, dtype):
    for _, each in examples.values():
        own, made = made[: each.want.size], made[each.want.size :]
        require_equal(own.reshape(each.want.shape), each.want, dtype)
    assert not len(made)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_component_computes_the_same_in_python(tmp_path, case, dtype):
    made, each = predictor(*case, dtype)
    (tmp_path / "model.py").write_text(python_source(made, "model", "1"))
    require_equal(python_module(tmp_path / "model.py").predict(each.x), each.want, dtype)


def test_the_c_form_of_a_small_net_takes_less_than_4_kb_of_code(tmp_path):
    hidden = {"name": "dense", "units": 32, "activation": "relu"}
    x = np.random.default_rng(0).normal(size=(60, 20))
    trainer = fitted([hidden, hidden, {"name": "dense", "units": 2}], y=np.arange(60) % 2, x=x)
    bp.export(trainer, tmp_path / "xs.h")
    (tmp_path / "xs.c").write_text('#include "xs.h"\nvoid p(const float *x, float *y) { model_predict(x, 1, y); }\n')
    subprocess.run([executable("gcc"), "-std=c99", "-Os", "-c", "xs.c"], cwd=tmp_path, check=True)
    flag = "-m" if sys.platform == "darwin" else "-A"
    command = [executable("size"), flag, "xs.o"]
    sizes = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    code = re.findall(r"(?:^\.text\S*|__text\):)\s+(\d+)", sizes, re.MULTILINE)
    assert 0 < sum(map(int, code)) < 4000


def test_labels_of_any_text_are_kept_and_quantities_have_none(tmp_path):
    y = np.array(['a"b\\', "\u00e9??=1", "x\ny"])[np.arange(60) % 3]
    trainer = fitted(["standardize", {"name": "dense", "units": 3}], y=y)
    c_predictions({"model": bp.export(trainer, tmp_path / "model.h")}, {"model": X.astype("f4")}, {"model": "float32"})
    module = python_module(bp.export(trainer, tmp_path / "model.py"))
    assert module.predict_labels(X).tolist() == trainer.predict_labels(X).tolist()
    quantities = fitted([{"name": "dense", "units": 1}], "mse", X[:, 0] / 10)
    with pytest.raises(KeyError, match="there are no labels; outputs: scores, predictions"):
        python_module(bp.export(quantities, tmp_path / "other.py")).predict_labels(X)


def test_a_prefix_names_everything_in_a_header_and_has_to_be_a_name(tmp_path):
    text = bp.export(classifier(), tmp_path / "a.h", prefix="net").read_text()
    assert "net_predict" in text
    assert "model_" not in text
    with pytest.raises(ConfigError, match="needs a name of C as prefix"):
        bp.export(classifier(), tmp_path / "b.h", prefix="2d")


class Centred:
    """y = x - the mean of the rows of the batch."""

    coupled = True

    def init(self, rng, in_shape):
        return {}, in_shape

    def forward(self, params, x, context):
        return x - x.__array_namespace__().mean(x, axis=0, keepdims=True), None

    def backward(self, params, cache, dy, context):
        return dy, {}


def test_rows_that_depend_on_each_other_have_forms_that_take_them_all_together(tmp_path):
    bp.register("layer", "centred", Centred, replace=True)
    trainer = fitted([Centred(), {"name": "dense", "units": 3}])
    module = python_module(bp.export(trainer, tmp_path / "model.py"))
    for rows in (1, 7, 60):
        require_equal(module.predict(X[:rows]), trainer.predict(X[:rows]), "float32")
    with pytest.raises(IncompatibleComponent, match=r"by the rows beside it.*Export it to \.onnx or \.py"):
        bp.export(trainer, tmp_path / "model.h")
