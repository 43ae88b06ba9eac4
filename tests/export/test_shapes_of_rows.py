"""Models of several inputs, of sequences and of images leave as they predict."""

from __future__ import annotations

import numpy as np
import pytest

import bpframe as bp
from tests.export.models import fitted, require_equal
from tests.export.programs import c_predictions, js_predictions
from tests.export.test_onnx import session

RNG = np.random.default_rng(0)


def onnx_outputs(trainer, folder, x):
    """The outputs of an ONNX form by name, for inputs by name."""
    run = session(bp.export(trainer, folder / "model.onnx").read_bytes())
    names = [o.name for o in run.get_outputs()]
    return dict(zip(names, run.run(names, x), strict=True))


def test_several_inputs_keep_their_names_and_shapes_in_onnx(tmp_path):
    x = {"wide": RNG.normal(size=(40, 2, 3)), "deep": RNG.normal(size=(40, 4))}
    wide = [{"name": "select", "input": "wide"}, "flatten", {"name": "dense", "units": 3}]
    deep = [{"name": "select", "input": "deep"}, {"name": "dense", "units": 2, "activation": "tanh"}]
    towers = [{"name": "sequential", "layers": tower} for tower in (wide, deep)]
    layers = [{"name": "parallel", "branches": towers}, {"name": "dense", "units": 3}]
    trainer = fitted(layers, y=np.arange(40) % 3, x=x)
    single = {name: part.astype("f4") for name, part in x.items()}
    run = session(bp.export(trainer, tmp_path / "model.onnx").read_bytes())
    assert {i.name: i.shape for i in run.get_inputs()} == {"wide": ["rows", 2, 3], "deep": ["rows", 4]}
    names = [o.name for o in run.get_outputs()]
    made = dict(zip(names, run.run(names, single), strict=True))
    require_equal(made["predictions"], trainer.predict(x), "float32")


def test_a_function_takes_several_inputs_by_name():
    x = {"a": RNG.normal(size=(20, 2)), "b": RNG.normal(size=(20, 3))}
    layers = [{"name": "select", "input": "b"}, {"name": "dense", "units": 3}]
    trainer = fitted(layers, y=np.arange(20) % 3, x=x, dtype="float64")
    f, params = trainer.function()
    assert np.allclose(f(params, x), trainer.predict(x), rtol=1e-12)


@pytest.mark.parametrize("layer", ["rnn", "gru", "lstm"])
def test_a_label_for_each_step_of_a_sequence(tmp_path, layer):
    x, y = RNG.normal(size=(30, 7, 2)), np.array(["up", "down", "flat"])[RNG.integers(0, 3, (30, 7))]
    trainer = fitted([{"name": layer, "units": 4, "sequences": True}, {"name": "dense", "units": 3}], x=x, y=y)
    made = onnx_outputs(trainer, tmp_path, {"x": x.astype("f4")})
    want = trainer.predict(x)
    require_equal(made["predictions"].reshape(210, 3), want.reshape(210, 3), "float32")
    assert made["labels"].tolist() == trainer.predict_labels(x).tolist()
    module = bp.export(trainer, tmp_path / "model.mjs")
    got = js_predictions({"model": module}, {"model": x})["model"]
    require_equal(got.astype("f4").reshape(210, 3), want.reshape(210, 3), "float32")


def test_images_through_convolutions_and_pooling(tmp_path):
    x, y = RNG.normal(size=(24, 8, 8, 2)), np.arange(24) % 3
    conv = {"name": "conv2d", "filters": 4, "kernel_size": 3, "activation": "relu"}
    trainer = fitted([conv, "max_pool2d", "flatten", {"name": "dense", "units": 3}], x=x, y=y)
    require_equal(onnx_outputs(trainer, tmp_path, {"x": x.astype("f4")})["predictions"], trainer.predict(x), "float32")
    header = bp.export(trainer, tmp_path / "model.h")
    got = c_predictions({"model": header}, {"model": x.astype("f4")}, {"model": "float32"})
    require_equal(np.frombuffer(got, "f4").reshape(24, 3), trainer.predict(x), "float32")
