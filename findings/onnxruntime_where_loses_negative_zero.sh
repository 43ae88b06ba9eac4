#!/usr/bin/env bash
# onnxruntime 1.32.0, CPU: Where, which only selects, gives 0.0 for a chosen -0.0, and so changes the sign of 1 / y.
#
# Behaviour: where the condition is true and a is -0.0, Where(condition, a, b) is 0.0; where it is false, -0.0 of b is
# kept. In float32 and float64, and with graph optimizations switched off as well.
#
# Most expect: an operator that selects hands on the bits of what it chose, as numpy.where and onnx's own reference
# evaluator do. A guarded logarithm or division by y then ends at the other infinity.
#
# Output seen (2026-11-30, Python 3.11):
#
#     onnx reference float32: [-0.0, -0.0, 2.0, -0.0] and 1 / y[0] = -inf
#     onnxruntime float32: [0.0, -0.0, 2.0, -0.0] and 1 / y[0] = inf
#     onnx reference float64: [-0.0, -0.0, 2.0, -0.0] and 1 / y[0] = -inf
#     onnxruntime float64: [0.0, -0.0, 2.0, -0.0] and 1 / y[0] = inf
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

CONDITION = np.array([True, False, True, False])
A, B = [-0.0, 1.0, 2.0, -0.0], [3.0, -0.0, -0.0, -0.0]


def model(inputs):
    values = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in inputs.items()
    ]
    out = helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(inputs["a"].dtype), None)
    graph = helper.make_graph([helper.make_node("Where", ["condition", "a", "b"], ["y"])], "g", values, [out])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def onnxruntime_result(made, inputs):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


for dtype in ("float32", "float64"):
    inputs = {"condition": CONDITION, "a": np.array(A, dtype), "b": np.array(B, dtype)}
    made = model(inputs)
    for who, y in (
        ("onnx reference", ReferenceEvaluator(made).run(None, inputs)[0]),
        ("onnxruntime", onnxruntime_result(made, inputs)),
    ):
        with np.errstate(divide="ignore"):
            print(f"{who} {dtype}: {y.tolist()} and 1 / y[0] = {1 / y[0]}")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
onnx reference float32: [-0.0, -0.0, 2.0, -0.0] and 1 / y[0] = -inf
onnxruntime float32: [0.0, -0.0, 2.0, -0.0] and 1 / y[0] = inf
onnx reference float64: [-0.0, -0.0, 2.0, -0.0] and 1 / y[0] = -inf
onnxruntime float64: [0.0, -0.0, 2.0, -0.0] and 1 / y[0] = inf
EXPECTED
