#!/usr/bin/env bash
# onnxruntime 1.32.0: ReduceMax keeps some NaN and drops others, by their place and dtype, while Max keeps all.
#
# Behaviour: of [[1, 2, NaN], [NaN, 5, 4]] ReduceMax over axis 0 is [1, 5, NaN]: the NaN in the first row is kept, that in
# the second is dropped. Over axis 1 it is [2, NaN] in float32 and [2, 5] in float64. Max of the two rows keeps both.
#
# Most expect: NaN in, NaN out, as in NumPy and PyTorch, and as Max does; or at least that all places do alike. A model that
# takes softmax by its definition, exp(x - max x), in ONNX hides a row that is not a number behind numbers.
#
# Output seen (2026-11-30, Python 3.11):
#
#     float32: ReduceMax over axis 0: [1.0, 5.0, nan]
#     float32: ReduceMax over axis 1: [2.0, nan]
#     float32: Max of the two rows: [nan, 5.0, nan]
#     float64: ReduceMax over axis 0: [1.0, 5.0, nan]
#     float64: ReduceMax over axis 1: [2.0, 5.0]
#     float64: Max of the two rows: [nan, 5.0, nan]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

X = np.array([[1.0, 2.0, np.nan], [np.nan, 5.0, 4.0]])
KINDS = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


def run(operator, inputs, dtype, **more):
    names = [f"i{k}" for k in range(len(inputs))]
    values = [helper.make_tensor_value_info(n, KINDS[dtype] if a.dtype != np.int64 else TensorProto.INT64, a.shape) for n, a in zip(names, inputs)]
    out = helper.make_tensor_value_info("y", KINDS[dtype], None)
    graph = helper.make_graph([helper.make_node(operator, names, ["y"], **more)], "g", values, [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(names, inputs)))[0].tolist()


for dtype in KINDS:
    x = X.astype(dtype)
    for axis in (0, 1):
        print(f"{dtype}: ReduceMax over axis {axis}:", run("ReduceMax", [x, np.array([axis])], dtype, keepdims=0))
    print(f"{dtype}: Max of the two rows:", run("Max", [x[0], x[1]], dtype))
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
float32: ReduceMax over axis 0: [1.0, 5.0, nan]
float32: ReduceMax over axis 1: [2.0, nan]
float32: Max of the two rows: [nan, 5.0, nan]
float64: ReduceMax over axis 0: [1.0, 5.0, nan]
float64: ReduceMax over axis 1: [2.0, 5.0]
float64: Max of the two rows: [nan, 5.0, nan]
EXPECTED
