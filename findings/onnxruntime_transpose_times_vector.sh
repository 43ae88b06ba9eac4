#!/usr/bin/env bash
# onnxruntime 1.32.0: Transpose followed by MatMul with a vector gives other numbers when graph optimizations are on.
#
# Behaviour: for w (2, 2) and u (2,) the model y = MatMul(Transpose(w), u) gives w^T u with ORT_DISABLE_ALL, and w u with
# the default, ORT_ENABLE_ALL. With a matrix u (2, 1) in the place of the vector both give w^T u. The same in float64.
#
# Most expect: optimizations change rounding at most. MatMul is documented to behave as numpy.matmul, vectors included.
#
# Output seen (2026-11-30, Python 3.11):
#
#     vector, ORT_DISABLE_ALL: [1.0, 2.0]
#     vector, ORT_ENABLE_ALL: [1.0, 3.0]
#     matrix, ORT_DISABLE_ALL: [1.0, 2.0]
#     matrix, ORT_ENABLE_ALL: [1.0, 2.0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

W = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
LEVELS = onnxruntime.GraphOptimizationLevel


def run(u, level):
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, a.shape) for n, a in (("w", W), ("u", u))]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    nodes = [helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]), helper.make_node("MatMul", ["t", "u"], ["y"])]
    graph = helper.make_graph(nodes, "g", values, [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(LEVELS, level)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"w": W, "u": u})[0].ravel().tolist()


for what, u in (("vector", np.array([1.0, 0.0], np.float32)), ("matrix", np.array([[1.0], [0.0]], np.float32))):
    for level in ("ORT_DISABLE_ALL", "ORT_ENABLE_ALL"):
        print(f"{what}, {level}: {run(u, level)}")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
vector, ORT_DISABLE_ALL: [1.0, 2.0]
vector, ORT_ENABLE_ALL: [1.0, 3.0]
matrix, ORT_DISABLE_ALL: [1.0, 2.0]
matrix, ORT_ENABLE_ALL: [1.0, 2.0]
EXPECTED
