"""The ONNX form: what onnxruntime makes of it is what the model predicts."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, IncompatibleComponent
from bpframe.export.onnx.lowering import onnx_model
from tests.export.components import CASES, example
from tests.export.models import X, Y, classifier, fitted, require_equal

OF_LAYERS = {"bidirectional", "transformer_block"}  # each of several layers
REPLACEABLE = {"Sigmoid", "Softplus", "Elu", "Selu", "Celu", "Mish", "Gelu", "HardSigmoid", "Softmax", "LogSoftmax"}
REPLACEABLE |= {"ReduceMean", "ReduceLogSumExp", "LayerNormalization", "BatchNormalization", "Erf", "HardSwish", "Relu"}


def session(content: bytes) -> onnxruntime.InferenceSession:
    """onnxruntime as it comes, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def outputs(content, x):
    """The outputs by name."""
    run = session(content)
    return dict(zip([o.name for o in run.get_outputs()], run.run(None, {"x": x}), strict=True))


def exported(trainer, folder, **settings):
    """The bytes of an export."""
    return bp.export(trainer, folder / "model.onnx", force=True, **settings).read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_component_computes_the_same_in_onnxruntime_at_extremes_and_nan_too(case, dtype):
    graph, x, want = example(*case, dtype)
    model = onnx_model(graph, 21, {}, {})
    assert len(model.graph.node) < (300 if case[1] in OF_LAYERS else 150)
    assert not {node.op_type for node in model.graph.node} & REPLACEABLE  # its own stable formulas
    assert {node.domain for node in model.graph.node} == {""}
    require_equal(outputs(model.SerializeToString(), x)["y"], want, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [1, 2, 60])
def test_scores_predictions_and_text_labels_are_those_of_the_trainer(tmp_path, dtype, rows):
    trainer = classifier(dtype)
    got = outputs(exported(trainer, tmp_path), X[:rows].astype(dtype))
    require_equal(got["scores"], trainer.scores(X[:rows]), dtype)
    require_equal(got["predictions"], trainer.predict(X[:rows]), dtype)
    assert got["labels"].tolist() == trainer.predict_labels(X[:rows]).tolist()


def test_two_exports_give_the_same_bytes_and_pass_the_checker(tmp_path):
    trainer = classifier()
    content = exported(trainer, tmp_path)
    assert content == exported(trainer, tmp_path)
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 21)]
    assert model.ir_version == 10


def test_metadata_hold_the_definition_of_the_model_and_what_is_given(tmp_path):
    properties = {
        p.key: p.value
        for p in onnx.load_from_string(
            exported(classifier(), tmp_path, metadata={"bpframe.lock": "a lock"})
        ).metadata_props
    }
    assert properties["bpframe.lock"] == "a lock"
    assert json.loads(properties["bpframe"])["learned"]["classes"] == ["ant", "bee", "cat"]


def test_a_newer_opset_gives_the_same_numbers_and_an_older_one_is_refused(tmp_path):
    trainer = classifier()
    old, new = (outputs(exported(trainer, tmp_path, opset=opset), X.astype("f4")) for opset in (21, 22))
    assert np.array_equal(old["predictions"], new["predictions"])
    with pytest.raises(ConfigError, match="opset"):
        exported(trainer, tmp_path, opset=20)
    with pytest.raises(ConfigError, match="knows no opset 999"):
        exported(trainer, tmp_path, opset=999)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_head_has_outputs_of_its_own_in_the_units_of_its_targets(tmp_path, dtype):
    heads = bp.losses.heads(losses=["softmax_cross_entropy", "mse"], widths=[3, 1], names=["kind", "size"])
    y = {"kind": Y, "size": 1e6 + 10 * X[:, 0]}
    trainer = fitted(["standardize", {"name": "dense", "units": 4}], heads, y, standardize_target=True, dtype=dtype)
    got = outputs(exported(trainer, tmp_path), X.astype(dtype))
    require_equal(got["predictions"], trainer.predict(X), dtype)
    require_equal(got["size.predictions"], trainer.predict(X)[:, 3:], dtype)
    assert got["kind.labels"].tolist() == trainer.predict_labels(X)["kind"].tolist()


@pytest.mark.parametrize(
    ("loss", "units", "y"),
    [
        ("softmax_cross_entropy", 3, np.array([7, 2, 5])[np.arange(60) % 3]),
        ("sigmoid_cross_entropy", 1, np.arange(60) % 2 == 0),
        ("sigmoid_cross_entropy", 3, np.eye(3)[np.arange(60) % 3]),
        ("hinge", 1, np.array(["no", "yes"])[np.arange(60) % 2]),
        ("crammer_singer", 3, Y),
        ("multiclass_hinge", 3, Y),
        ("binary_cross_entropy", 1, np.arange(60) % 2),
        ("modified_huber", 2, np.eye(2)[np.arange(60) % 2]),
        (bp.losses.corn(order=["low", "middle", "high"]), 2, np.array(["low", "middle", "high"])[np.arange(60) % 3]),
        (
            bp.losses.cumulative_link(order=["low", "middle", "high"]),
            2,
            np.array(["low", "middle", "high"])[np.arange(60) % 3],
        ),
        (bp.losses.masked("softmax_cross_entropy"), 3, Y),
    ],
)
def test_labels_of_every_shape_and_type_come_back(tmp_path, loss, units, y):
    layers = ["standardize", {"name": "dense", "units": units}]
    layers[1]["activation"] = "sigmoid" if loss == "binary_cross_entropy" else None
    trainer = fitted(layers, loss, y)
    got, want = outputs(exported(trainer, tmp_path), X.astype("f4"))["labels"], trainer.predict_labels(X)
    assert got.tolist() == want.tolist()
    assert got.dtype == want.dtype or want.dtype.kind == "U"


def test_what_predicts_is_exported_where_a_rule_averages(tmp_path):
    trainer = classifier(optimizer={"name": "ema", "inner": {"name": "sgd", "lr": 0.3}, "decay": 0.9})
    require_equal(outputs(exported(trainer, tmp_path), X.astype("f4"))["predictions"], trainer.predict(X), "float32")


def test_an_offset_that_was_learned_of_the_inputs_leaves_in_float64(tmp_path):
    x = X + 1.7e9
    trainer = fitted(["standardize", {"name": "dense", "units": 3}], x=x)
    assert "input_offset" in trainer.task.learned
    require_equal(outputs(exported(trainer, tmp_path), x)["predictions"], trainer.predict(x), "float32")


class Branches:
    """y = x where the first number is positive, else 2 x."""

    def init(self, rng, in_shape):
        return {}, in_shape

    def forward(self, params, x, context):
        return (x, None) if x[0, 0] > 0 else (2 * x, None)

    def backward(self, params, cache, dy, context):
        return dy, {}


class Draws(Branches):
    def forward(self, params, x, context):
        return x * np.random.default_rng().random(), None


class Reads(Branches):
    def forward(self, params, x, context):
        return np.asarray(x) * 2, None


class Counts(Branches):
    def forward(self, params, x, context):
        return x * (1 if len(x) < 3 else 2), None


class Functions(Branches):
    """y = exp(min(x, 0)) + the mean over the row, by NumPy's own functions and methods."""

    def forward(self, params, x, context):
        return np.exp(np.minimum(x, 0)) + x.mean(axis=1, keepdims=True) ** 2 + np.where(x > 1, x, 0.0)[:, ::-1], None


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Branches, "layer 'local/branches' .*asks for the numbers of an array .*Use where"),
        (Draws, "layer 'local/draws' .*has other constants in another recording"),
        (Reads, "layer 'local/reads' .*asks for the numbers"),
        (Counts, "predicts otherwise than predict does"),
    ],
)
def test_what_draws_or_looks_at_values_is_named(tmp_path, layer, text):
    bp.register("layer", layer.__name__.lower(), layer, replace=True)
    trainer = fitted([layer(), {"name": "dense", "units": 3}])
    with pytest.raises(IncompatibleComponent, match=text):
        bp.export(trainer, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_component_written_in_functions_of_numpy_is_exported_too(tmp_path):
    bp.register("layer", "functions", Functions, replace=True)
    trainer = fitted([Functions(), {"name": "dense", "units": 3}])
    require_equal(outputs(exported(trainer, tmp_path), X.astype("f4"))["predictions"], trainer.predict(X), "float32")


def test_an_existing_file_stays_unless_it_may_be_replaced(tmp_path):
    (tmp_path / "model.onnx").write_text("mine")
    trainer = classifier()
    with pytest.raises(ConfigError, match=r"exists\. Choose another path, or replace it with force=True"):
        bp.export(trainer, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_text() == "mine"
    assert len(exported(trainer, tmp_path)) > 1000


def test_a_suffix_that_nobody_writes_is_refused_with_those_that_somebody_does(tmp_path):
    with pytest.raises(ConfigError, match=r"ends in one of .*\.onnx.*, got '\.pkl'"):
        bp.export(classifier(), tmp_path / "model.pkl")


def test_steps_without_a_training_step_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"onnx needs train=True \(--train\) beside steps=5"):
        bp.export(classifier(), tmp_path / "model.onnx", steps=5)


def test_what_is_no_trainer_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="export needs a Trainer, got dict"):
        bp.export({}, tmp_path / "model.onnx")


def test_a_trainer_without_parameters_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="has no parameters yet"):
        bp.export(bp.Trainer(bp.Network(["flatten"]), "mse"), tmp_path / "model.onnx")
