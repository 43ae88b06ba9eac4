"""Exported trainings: onnxruntime predicts, and trains, as engine numpy does.  x (8, n).

`bpframe check` proves it for each component: what is exported is its own formula, recorded.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.random import epoch_key
from bpframe.registry import build
from bpframe.testing.laws.comparison import require_close
from bpframe.testing.laws.short_training import EPOCHS, fitted_parts
from bpframe.testing.report import SkipCheck
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

FORMS = ("onnx", "onnx step")  # in the place of engines: predictions, and a step of training
IN_A_STEP = ("activation", "constraint", "gradient_step", "layer", "loss", "optimizer", "regularizer", "schedule")
TOLERANCES = {"float32": (1e-6, 5e-6), "float64": (1e-12, 1e-12)}  # fixed, and relative to the largest number
STEP_TOLERANCE = 1e-8  # in float64, relative to the largest number


def missing_modules() -> list[str]:
    """Those of the packages that run an ONNX file which are not installed."""
    return [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]


def require_export(kind: str, component: object) -> None:
    """CheckFailed unless onnxruntime predicts what a trainer with the component does, in float32 or in float64.

    In float64 where rounding in float32 has been magnified.
    """
    try:
        _require_predictions(kind, component, "float32")
    except CheckFailed:
        _require_predictions(kind, component, "float64")


def require_exported_step(kind: str, component: object) -> None:
    """CheckFailed unless a few epochs in onnxruntime give the parameters of engine numpy, in float64."""
    if kind not in IN_A_STEP:
        raise SkipCheck("it has no part in a step")
    made, x, y, size = fitted_parts(kind, component, "float64")
    want = _anew(made)
    want.fit(x, y, epochs=EPOCHS, batch_size=size, shuffle=False, validation=(x, y), verbose=0)
    got = _parameters_in_onnxruntime(_anew(made), x, y, size)
    for name, value in want.session.snapshot().items():
        if name in got:
            scale = 1 + np.abs(value).max(initial=0.0)
            require_close(f"{name} after {EPOCHS} epochs in onnxruntime", got[name], value, 0, STEP_TOLERANCE * scale)


def _require_predictions(kind: str, component: object, dtype: str) -> None:
    trainer, x, _, _ = fitted_parts(kind, component, dtype)
    want, inputs = trainer.predict(x), x if isinstance(x, Mapping) else {"x": trainer.task.inputs(x)}
    run = _session(build("exporter", "onnx").content(trainer, {}))
    read = {each.name for each in run.get_inputs()}
    (got,) = run.run(["predictions"], {n: np.asarray(each, dtype) for n, each in inputs.items() if n in read})
    fixed, relative = TOLERANCES[dtype]
    scale = np.abs(want).max(initial=0.0)
    require_close("predictions in onnxruntime", got, want, 0, fixed + relative * scale)


def _anew(made: Trainer) -> Trainer:
    """A trainer of the same parts that starts from the parameters of another, as that of a model file does."""
    trainer = Trainer.of(made.spec)
    trainer.task = made.task
    trainer.parameters.replace(made.parameters.copy())
    trainer._fitted = True
    return trainer


def _parameters_in_onnxruntime(trainer: Trainer, x: Any, y: Any, size: int) -> dict[str, HostArray]:
    """Parameters and buffers after as many epochs, by the names of a session's snapshot."""
    import onnx

    data = trainer.task.encoded(trainer.task.inputs(x), y)[0]
    batches = -(-len(data.x) // size)
    steps = EPOCHS * batches
    content = build("exporter", {"name": "onnx", "train": True, "steps": steps}).content(trainer, {})
    texts = {p.key: json.loads(p.value) for p in onnx.load_from_string(content).metadata_props}
    run = _session(content)
    names, known = ([each.name for each in part] for part in (run.get_inputs(), run.get_outputs()))
    state = {name: _array(**each) for name, each in texts["bpframe.initial"].items()}
    for i in range(steps):
        epoch, number = divmod(i, batches)
        rows, key = slice(number * size, (number + 1) * size), epoch_key(trainer.seed, epoch).child(number)
        given = {"x": data.x[rows], "target": data.target[rows], "weight": np.ones(len(data.x[rows]))}
        given |= {"step": np.asarray(i), "settings": np.array(texts["bpframe.settings"]["table"][i])}
        given |= {"key": np.array([key.a, key.b], np.uint32), **state}
        made = run.run(known, {name: given[name] for name in names})
        results = dict(zip(known, made, strict=True))
        state = {name.removeprefix("next/"): a for name, a in results.items() if name.startswith("next/")}
    return state


def _array(dtype: str, shape: list[int], data: str) -> HostArray:
    return np.frombuffer(base64.b64decode(data), dtype).reshape(shape)


def _session(content: bytes) -> Any:
    """onnxruntime with a model, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
