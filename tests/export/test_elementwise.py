"""Every elementwise function is NumPy's in every form: at extremes, zeros of both signs, of whole numbers, of booleans.

x (B, 2): pairs of operands a and b.
"""

from __future__ import annotations

import numpy as np
import pytest

from bpframe.errors import ConfigError
from bpframe.export import interpreter
from bpframe.export.array_namespace import NAMESPACE
from bpframe.export.c.header import c_header
from bpframe.export.graph_recording import record
from bpframe.export.javascript.module import js_module
from bpframe.export.onnx.lowering import onnx_model
from bpframe.export.predictor import Predictor
from bpframe.export.primitives import BINARY, UNARY
from bpframe.export.python.source import python_source
from tests.export.models import require_equal
from tests.export.programs import c_predictions, js_predictions, python_module
from tests.export.test_onnx import session

OF_BITS = ("bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift")
REAL = [name for name in (*UNARY, *BINARY) if name not in OF_BITS]
WHOLE = ("absolute", "negative", "sign", "floor", "ceil", "trunc", "isnan", "isinf", "isfinite", "logical_not", "add")
WHOLE += ("subtract", "multiply", "floor_divide", "remainder", "maximum", "minimum", "logical_xor", "less", "divide")
UNSIGNED = [name for name in WHOLE if name != "negative"]
TRUTHS = ("add", "multiply", "maximum", "minimum", "less", "greater_equal", "equal", "logical_and", "logical_not")
PAIRS = np.array(
    [
        (0.0, 2.0),
        (-0.0, -0.0),
        (0.0, -0.0),
        (0.3, 0.7),
        (-0.3, 1.3),
        (1e-5, -1e-3),
        (1.0, 0.1),
        (-1.0, 0.1),
        (0.999, -0.3),
        (2.5, 2.0),
        (-2.5, 3.0),
        (3.5, -2.0),
        (0.5, 0.0),
        (-7.0, 2.0),
        (20.0, 3.0),
        (-20.0, 7.0),
        (1e-30, 1.0),
        (1e20, 2.0),
        (-1e4, np.inf),
        (np.inf, 1.0),
        (-np.inf, -np.inf),
        (np.nan, 1.0),
        (1.0, np.nan),
    ]
)
COUNTS = np.array([(0, 0), (1, 0), (0, 1), (7, 2), (-7, 2), (7, -2), (-7, -2), (12, 4), (-12, 4), (3, 3)], float)


def columns(names, x, kind):
    """(B, n) every function of the pairs, as numbers of x's dtype."""
    a, b = (NAMESPACE.astype(x[:, k], kind or x.dtype) for k in range(2))
    made = [getattr(NAMESPACE, name)(*((a,) if name in UNARY else (a, b))) for name in names]
    return NAMESPACE.stack([NAMESPACE.astype(y, x.dtype) for y in made], axis=1)


def model(names, x, kind):
    """(a model whose predictions are the columns, what NumPy makes of the pairs)."""
    graph = record(
        lambda arrays: {"predictions": columns(names, arrays["x"], kind)},
        lambda rows: {"x": ("input", np.resize(x, (rows, 2)))},
    )
    a, b = x.astype(kind or x.dtype).T
    with np.errstate(all="ignore"):
        want = [np.asarray(getattr(np, n)(*((a,) if n in UNARY else (a, b)))).astype(x.dtype) for n in names]
    usual = np.resize([(1.0, 2.0)], (8, 2)).astype(x.dtype)  # by which a form proves itself
    return Predictor(graph, {}, {}, {"x": usual}), np.stack(want, axis=1)


CASES = [(REAL, PAIRS, "float32", None), (REAL, PAIRS, "float64", None), (WHOLE, COUNTS, "float64", "int64")]
CASES += [(WHOLE, COUNTS, "float64", "int32"), (UNSIGNED, abs(COUNTS), "float64", "uint32")]
CASES += [(TRUTHS, COUNTS, "float64", "bool")]
SHIFTS = [(0, 0), (1, 0), (0, 1), (7, 2), (-7, 2), (-1, 3), (12, 4), (-12, 1), (3, 3), (1, 30), (-9, 5), (100, 4)]
BITS = np.array(SHIFTS, float)
CASES += [((*OF_BITS, "power"), BITS, "float64", kind) for kind in ("int32", "int64")]
CASES += [(OF_BITS, abs(BITS), "float64", "uint32")]
CASES += [(OF_BITS, np.array([(3, 40), (-5, 41), (2**45 + 3, 7), (-(2**45) - 3, 9)], float), "float64", "int64")]


@pytest.mark.parametrize(("names", "pairs", "dtype", "kind"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_every_elementwise_function_is_that_of_numpy_in_every_form(tmp_path, names, pairs, dtype, kind):
    x = pairs.astype(dtype)
    made, want = model(names, x, kind)
    forms = {"interpreter": interpreter.run(made.graph, {"x": x}, len(x))["predictions"]}
    forms["onnx"] = session(onnx_model(made.graph, 21, {}, {}).SerializeToString()).run(None, {"x": x})[0]
    texts = {"m.py": python_source(made, "m", "1"), "m.h": c_header(made, "m"), "m.mjs": js_module(made)}
    for file, text in texts.items():
        (tmp_path / file).write_text(text)
    forms["python"] = python_module(tmp_path / "m.py").predict(x)
    forms["c"] = np.frombuffer(c_predictions({"m": tmp_path / "m.h"}, {"m": x}, {"m": dtype}), dtype)
    forms["javascript"] = js_predictions({"m": tmp_path / "m.mjs"}, {"m": x})["m"].astype(dtype)
    for form, got in forms.items():
        for k, name in enumerate(names):
            got_one = got.reshape(want.shape)[:, k : k + 1]
            assert np.array_equal(np.isnan(got_one), np.isnan(want[:, k : k + 1])), (form, name)
            require_equal(got_one, want[:, k : k + 1], dtype)


def test_what_onnx_has_no_operator_for_is_said_in_words():
    made, _ = model(["power"], abs(COUNTS), "uint32")
    with pytest.raises(ConfigError, match=r"ONNX has no operator for numbers of this kind: .*Pow"):
        onnx_model(made.graph, 21, {}, {})
