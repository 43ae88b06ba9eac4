"""Loops of `ops.scan` and branches of `ops.when` keep their form in every export."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import bpframe as bp
from bpframe import ops
from tests.export.models import fitted, require_equal
from tests.export.programs import c_predictions, js_predictions, python_module
from tests.export.test_onnx import session

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 6))
Y = np.arange(20) % 3
DENSE = {"name": "dense", "units": 3}


def require_all_forms(trainer, folder, x, flat=None):
    """Predictions in ONNX, Python, C and JavaScript are those of the trainer, for one row and for many."""
    dtype, want = trainer.task.dtype, trainer.predict(x)
    width = want[0].size
    want = want.reshape(len(x), width)
    content = bp.export(trainer, folder / "m.onnx", force=True).read_bytes()
    for rows in (1, len(x)):
        got = session(content).run(["predictions"], {"x": x[:rows].astype(dtype)})[0]
        require_equal(got.reshape(rows, width), want[:rows], dtype)
    module = python_module(bp.export(trainer, folder / "m.py", force=True))
    module.self_test()
    for rows in (1, len(x)):
        require_equal(module.predict(x[:rows]).reshape(rows, width), want[:rows], dtype)
    header = bp.export(trainer, folder / "m.h", prefix="m", force=True)
    got = np.frombuffer(c_predictions({"m": header}, {"m": x.astype(dtype)}, {"m": dtype}), dtype)
    require_equal(got.reshape(len(x), width), want, dtype)
    made = js_predictions({"m": bp.export(trainer, folder / "m.mjs", force=True)}, {"m": x})["m"]
    require_equal(made.astype(dtype), want, dtype)
    return onnx.load_from_string(content)


def operators(graph):
    """How often each operator stands in a graph, the graphs inside it included."""
    found = {}
    for node in graph.node:
        found[node.op_type] = found.get(node.op_type, 0) + 1
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found |= {op: found.get(op, 0) + n for op, n in operators(attribute.g).items()}
    return found


class Custom:
    """A layer without a way back, for which these tests have no need: its gradients are those of y = x."""

    def init(self, rng, in_shape):
        return {"weight": np.full(in_shape, 0.7), "gate": np.ones(1)}, in_shape

    def backward(self, params, cache, dy, context):
        return dy, {"weight": np.zeros_like(params["weight"]), "gate": np.zeros_like(params["gate"])}


class Swaps(Custom):
    """Two states that change places, a third that is the old first one, and steps of columns and of nothing."""

    def forward(self, params, x, context):
        xp = x.__array_namespace__()

        def step(state, at):
            a, b, c = state
            return (b, a + xp.tanh(at) * params["weight"][0], a), (a, b * c)

        (a, b, c), (first, products) = ops.scan(step, (x[:, 0], x[:, 1], x[:, 2]), x.T, reverse=True)
        (d,), _ = ops.scan(lambda s, _: ((xp.sin(s[0]) + 0.1,), None), (c,), None, length=4)
        return first.T + products.T * 0.1 + (a + 2 * b + 3 * c + d)[:, None], None


class Nested(Custom):
    """A scan in a scan, whose inner step reads states and arrays of both outside, and chooses a branch."""

    def forward(self, params, x, context):
        def outer(state, row):
            def inner(s, w):
                grown = ops.when(w > row[0, 0] * 0, lambda s: (s + w * state, w), lambda s: (s * 0.5, w - 1), s)
                return grown[0], grown[1]

            last, ws = ops.scan(inner, row, params["weight"] - 0.5)
            return state * 0.5 + last, (last, ws)

        steps = x.__array_namespace__().permute_dims(x[:, :, None], (1, 0, 2))
        state, (lasts, ws) = ops.scan(outer, steps[0] * 0, steps)
        return (lasts[:, :, 0] + ws[:, :1] + state.T).T, None


class Gated(Custom):
    """y = 2 x and 1 where the gate is open, else x / 2 and the sum of x; another branch inside the first."""

    def forward(self, params, x, context):
        xp = x.__array_namespace__()
        flag = params["gate"][0] > 0.5

        def opened(x, factor):
            return ops.when(params["gate"][0] > 5, lambda: (x, x * 0), lambda: (x * factor, xp.ones_like(x)))

        y, extra = ops.when(flag, opened, lambda x, factor: (x / factor, x + xp.sum(x, axis=1, keepdims=True)), x, 2.0)
        return y + extra, None


def custom(layer, dtype="float32", **parameters):
    """A trainer with the layer, and these of its parameters."""
    bp.register("layer", layer.__name__.lower(), layer, replace=True)
    trainer = fitted([layer(), DENSE], y=Y, x=X, dtype=dtype)
    for name, value in parameters.items():
        trainer.parameters[f"{layer.__name__.lower()}_1/{name}"][...] = value
    return trainer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("layer", "loops"), [(Swaps, 2), (Nested, 2)])
def test_loops_keep_their_steps_states_and_order(tmp_path, layer, loops, dtype):
    trainer = custom(layer, dtype, weight=np.linspace(-0.5, 1.5, 6))
    model = require_all_forms(trainer, tmp_path, X)
    assert operators(model.graph)["Scan"] == loops


@pytest.mark.parametrize("gate", [0.0, 1.0, 9.0])
def test_a_branch_is_an_if_inside_which_another_may_be(tmp_path, gate):
    model = require_all_forms(custom(Gated, gate=gate), tmp_path, X)
    assert operators(model.graph)["If"] == 2


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("layer", ["rnn", "gru", "lstm"])
def test_a_recurrent_layer_is_one_loop_whatever_the_length_of_its_sequences(tmp_path, layer, reverse):
    sizes = []
    for steps in (3, 30):
        x = RNG.normal(size=(12, steps, 2))
        recurrent = {"name": layer, "units": 4, "reverse": reverse}
        model = require_all_forms(fitted([recurrent, DENSE], x=x, y=np.arange(12) % 3), tmp_path, x)
        sizes.append(operators(model.graph))
    assert sizes[0] == sizes[1]
    assert sizes[0]["Scan"] == 1


def test_what_a_loop_makes_for_the_way_back_alone_is_left_out(tmp_path):
    x = RNG.normal(size=(12, 5, 2))
    model = require_all_forms(fitted([{"name": "lstm", "units": 4}, DENSE], x=x, y=np.arange(12) % 3), tmp_path, x)
    (scan,) = [node for node in model.graph.node if node.op_type == "Scan"]
    assert len(scan.output) == 2  # h and c, and none of the six arrays that backward would read


class OverRows(Custom):
    """y_i is the sum of the rows up to i: as many steps as the batch has rows."""

    coupled = True

    def forward(self, params, x, context):
        return ops.scan(lambda s, row: (s + row, s + row), x[0] * 0, x)[1], None


def test_a_loop_may_have_as_many_steps_as_a_batch_has_rows(tmp_path):
    trainer = custom(OverRows)
    run = session(bp.export(trainer, tmp_path / "m.onnx").read_bytes())
    module = python_module(bp.export(trainer, tmp_path / "m.py"))
    for rows in (1, 20):
        want = trainer.predict(X[:rows])
        require_equal(run.run(["predictions"], {"x": X[:rows].astype("f4")})[0], want, "float32")
        require_equal(module.predict(X[:rows]), want, "float32")
