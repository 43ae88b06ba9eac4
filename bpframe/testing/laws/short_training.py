"""A component in its place, in a short training on an engine: four epochs of two steps.  x (8, n)."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpframe.network.network import Network
from bpframe.protocols.traits import needs_whole_batch
from bpframe.registry import build
from bpframe.testing.kinds.initializers import fitting_shape
from bpframe.testing.laws.comparison import finite
from bpframe.testing.laws.examples import bounds, example, labels
from bpframe.testing.laws.layer_run import Case
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

ROWS, N, EPOCHS = 8, 5, 4
LISTED = ("metric", "callback", "regularizer", "gradient_step", "constraint")
Parts = dict[str, Any]  # what the trainer is given, with "layers", "x" and "y"


def trains(engine: str, kind: str, component: Any) -> None:
    """CheckFailed, or what the engine raises, unless a fit with the component runs and leaves finite parameters."""
    finite("parameters after a short training", dict(trained(engine, kind, component).parameters.copy()))


def trained(engine: str, kind: str, component: Any, epochs: int = EPOCHS, dtype: str = "float32") -> Trainer:
    """A trainer with the component in its place, after `epochs` of two steps, one where it needs whole batches."""
    parts: Parts = {
        "loss": "softmax_cross_entropy",
        "engine": engine,
        "dtype": dtype,
        "layers": _layers(3),
        "x": _x(),
        "y": np.arange(ROWS) % 3,
    }
    if kind in LISTED:
        parts[f"{kind}s"] = [component]
    elif kind in ("optimizer", "sampler", "engine"):
        parts[kind] = component
    else:
        parts |= PLACES[kind](component)
    layers, x, y = (parts.pop(name) for name in ("layers", "x", "y"))
    whole = needs_whole_batch(component)
    trainer = Trainer(Network(layers), **parts)
    trainer.fit(x, y, epochs=epochs, batch_size=ROWS if whole else ROWS // 2, validation=(x, y))
    return trainer


def _x() -> HostArray:
    return np.random.default_rng(0).normal(size=(ROWS, N))


def _layers(outputs: int, **hidden: Any) -> list[Any]:
    return [_dense(4, **{"activation": "tanh", **hidden}), _dense(outputs)]


def _dense(units: int, **settings: Any) -> Any:
    return build("layer", {"name": "dense", "units": units, **settings})


def _activation(activation: Any) -> Parts:
    return {"layers": _layers(3, activation=activation)}


def _layer(layer: Any) -> Parts:
    case = Case.of(layer, (N,))
    shape = case.layer.init(np.random.default_rng(0), case.in_shape)[1]
    flat = [] if len(shape) == 1 else [build("layer", "flatten")]
    return {"layers": [layer, *flat, _dense(3)], "x": case.x(rows=ROWS)}


def _loss(loss: Any) -> Parts:
    """Scores of the loss's own width and domain, targets from its example or labels that it encodes."""
    outputs = example(loss, 1)[0].shape[1]
    end = {(0.0, 1.0): "softmax", (0.0, np.inf): "softplus"}.get(bounds(loss))
    last = _dense(outputs, **({"activation": end} if end else {}))
    return {"loss": loss, "layers": [_dense(4), last], "y": labels(loss, ROWS), "metrics": []}


def _schedule(schedule: Any) -> Parts:
    return {"optimizer": {"name": "sgd", "lr": schedule}}


def _initializer(initializer: Any) -> Parts:
    """As weights of a shape that it takes, or as a bias."""
    shape = fitting_shape(initializer)
    if len(shape) == 1:
        return {"layers": [_dense(shape[0], bias_initializer=initializer), _dense(3)]}
    x = np.random.default_rng(0).normal(size=(ROWS, shape[0]))
    return {"layers": [_dense(shape[1], weight_initializer=initializer), _dense(3)], "x": x}


PLACES = {
    "activation": _activation,
    "layer": _layer,
    "loss": _loss,
    "schedule": _schedule,
    "initializer": _initializer,
}
