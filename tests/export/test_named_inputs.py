"""Several inputs and several heads keep their names in the forms without a runtime.

x: "wide part" (B, 2, 3) and "int" (B, 4), whose names are none of C; y: "kind" a class, "size" a quantity.
"""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest

import bpframe as bp
from tests.executables import executable
from tests.export.models import fitted, require_equal
from tests.export.programs import c_predictions, js_predictions, node, python_module

RNG = np.random.default_rng(0)
X = {"wide part": RNG.normal(size=(40, 2, 3)), "int": RNG.normal(size=(40, 4))}
PACKED = np.concatenate([X["wide part"].reshape(40, -1), X["int"]], axis=1)
Y = {"kind": np.array(["ant", "bee", "cat"])[np.arange(40) % 3], "size": X["int"][:, 0]}


@pytest.fixture(params=["float32", "float64"])
def trainer(request):
    """Two towers, two heads."""
    wide = [{"name": "select", "input": "wide part"}, "flatten", {"name": "dense", "units": 3}]
    deep = [{"name": "select", "input": "int"}, {"name": "dense", "units": 2, "activation": "tanh"}]
    towers = [{"name": "sequential", "layers": tower} for tower in (wide, deep)]
    layers = [{"name": "parallel", "branches": towers}, {"name": "dense", "units": 4}]
    heads = bp.losses.heads(losses=["softmax_cross_entropy", "mse"], widths=[3, 1], names=["kind", "size"])
    return fitted(layers, heads, Y, X, dtype=request.param)


def test_python_takes_a_mapping_or_one_array_and_gives_what_each_head_predicts(trainer, tmp_path):
    module = python_module(bp.export(trainer, tmp_path / "model.py"))
    module.self_test()
    dtype, want = trainer.task.dtype, trainer.predict(X)
    for rows in (1, 40):
        few = {name: part[:rows] for name, part in X.items()}
        require_equal(module.predict(few), want[:rows], dtype)
    require_equal(module.predict(PACKED), want, dtype)
    require_equal(module.outputs(X)["size.predictions"], want[:, 3:], dtype)
    labels = module.predict_labels(X)
    assert {head: found.tolist() for head, found in labels.items()} == {
        head: found.tolist() for head, found in trainer.predict_labels(X).items()
    }


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (PACKED[:, :9], r"x needs wide part, int by name, or 10 numbers a row, got \(40, 9\)"),
        ({"int": X["int"]}, "x needs wide part too, got int"),
        (X | {"int": PACKED}, r"int needs rows of shape \(4,\), got an array of shape \(40, 10\)"),
        (X | {"int": X["int"][:3]}, "as many rows in every input"),
    ],
)
def test_python_names_the_input_that_is_wrong(tmp_path, trainer, x, text):
    module = python_module(bp.export(trainer, tmp_path / "model.py"))
    with pytest.raises(ValueError, match=text):
        module.predict(x)


def test_c_takes_a_struct_of_inputs_and_fills_one_of_outputs(tmp_path, trainer):
    dtype, header = trainer.task.dtype, bp.export(trainer, tmp_path / "model.h")
    got = c_predictions({"model": header}, {"model": PACKED.astype(dtype)}, {"model": dtype})
    require_equal(np.frombuffer(got, dtype).reshape(40, 4), trainer.predict(X), dtype)
    (tmp_path / "one.c").write_text("""
#include <stdio.h>
#include "model.h"
int main(void) {
    model_inputs x = {.wide_part = {1, 2, 3, 4, 5, 6}, ._int = {-1, -2, -3, -4}};
    model_outputs out;
    model_run(&x, &out);
    printf("%s %.9g %d", model_kind_labels_text((int) out.kind_labels[0]), out.size_predictions[0],
           MODEL_SIZE_PREDICTIONS);
    return 0;
}""")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run([executable("gcc"), *flags, "one.c", "-o", "one", "-lm"], cwd=tmp_path, check=True)
    label, size, count = subprocess.run([tmp_path / "one"], capture_output=True, text=True).stdout.split()
    row = {"wide part": np.arange(1.0, 7).reshape(1, 2, 3), "int": -np.arange(1.0, 5)[None]}
    assert label == trainer.predict_labels(row)["kind"][0]
    assert np.isclose(float(size), trainer.predict(row)[0, 3], rtol=1e-6)
    assert count == "1"


def test_javascript_takes_rows_by_name_or_side_by_side(tmp_path, trainer):
    module, dtype, want = bp.export(trainer, tmp_path / "model.mjs"), trainer.task.dtype, trainer.predict(X)
    require_equal(js_predictions({"m": module}, {"m": PACKED})["m"].astype(dtype), want, dtype)
    rows = [{name: part[k].tolist() for name, part in X.items()} for k in range(40)]
    script = f"""
import * as model from "./model.mjs";
const rows = {json.dumps(rows)};
const made = [model.predict(rows), model.predictLabels(rows), model.run(rows[0])["size.predictions"][0]];
for (const bad of [{{}}, [1, 2], {{ ...rows[0], int: [1] }}])
  try {{ model.predict([bad]); made.push("taken"); }} catch (error) {{ made.push(error.message); }}"""
    predictions, labels, size, *errors = node(script, tmp_path)
    require_equal(np.array(predictions, dtype), want, dtype)
    assert [label["kind"] for label in labels] == trainer.predict_labels(X)["kind"].tolist()
    assert np.isclose(size, want[0, 3], rtol=1e-6)
    assert errors == [
        "a row needs 6 numbers of wide part, got 0",
        "a row needs 6 numbers of wide part, got 2",
        "a row needs 4 numbers of int, got 1",
    ]
