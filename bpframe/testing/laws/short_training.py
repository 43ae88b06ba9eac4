"""A short training with a component on an engine: four epochs of two steps.  x (8, n)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, ClassVar, final

import numpy as np

from bpframe.network.network import Network
from bpframe.protocols import Activation, Augmentation, Initializer, Layer, Loss, Metric, Schedule
from bpframe.protocols.number_sets import is_subset
from bpframe.protocols.traits import domain_of, metric_fields, needs_whole_batch, range_of
from bpframe.registry import build
from bpframe.testing.kinds.augmentations import augmentation_rows
from bpframe.testing.kinds.initializers import accepted_shape
from bpframe.testing.laws.comparison import require_finite
from bpframe.testing.laws.engine_agreement import REFERENCE, Training, require_agreement
from bpframe.testing.laws.examples import example_batch, example_labels, score_bounds
from bpframe.testing.laws.layer_run import LayerRun
from bpframe.testing.report import SkipCheck
from bpframe.training.spec import PARTS
from bpframe.training.trainer import Trainer
from bpframe.types import HostArray

ROWS, N, EPOCHS = 8, 5, 4
TrainingParts = dict[str, Any]  # arguments of the trainer, and "layers", "x" and "y"


def require_training(engine: str, kind: str, component: object) -> None:
    """CheckFailed, or an error of the engine, unless a fit with the component runs and leaves finite parameters.

    On another engine than NumPy's they are those of that one.
    """

    def train(name: str, dtype: str) -> Training:
        return _training(name, kind, component, EPOCHS, dtype)

    made = require_agreement(engine, train)
    require_finite("parameters after a short training", dict(made.trainer.parameters.copy()))


def train_with(engine: str, kind: str, component: object, epochs: int = EPOCHS, dtype: str = "float32") -> Trainer:
    """A trainer with the component, after `epochs` of two steps, or of one step if it needs the whole batch."""
    return _training(engine, kind, component, epochs, dtype).trainer


def fitted_parts(kind: str, component: object, dtype: str) -> tuple[Trainer, Any, Any, int]:
    """(a trainer after a few epochs on engine numpy, its x, its y, rows of a batch)."""
    trainer, x, y, size = _parts(REFERENCE, kind, component, dtype)
    trainer.fit(x, y, epochs=EPOCHS, batch_size=size, shuffle=False, validation=(x, y), verbose=0)
    return trainer, x, y, size


def _training(engine: str, kind: str, component: object, epochs: int, dtype: str) -> Training:
    trainer, x, y, size = _parts(engine, kind, component, dtype)
    trainer.fit(x, y, epochs=epochs, batch_size=size, validation=(x, y), verbose=0)
    return Training(trainer, x)


def _parts(engine: str, kind: str, component: object, dtype: str) -> tuple[Trainer, Any, Any, int]:
    """(a trainer with the component, rows and labels for it, rows of a batch)."""
    parts: TrainingParts = {
        "loss": "softmax_cross_entropy",
        "engine": engine,
        "dtype": dtype,
        "layers": _layers(3),
        "x": _x(),
        "y": np.arange(ROWS) % 3,
    }
    if kind in PARTS_BY_KIND:
        parts |= PARTS_BY_KIND[kind](component)
    elif kind == "sampler" and isinstance(example := example_target(component), Mapping):
        names = tuple(example)
        y = {name: np.resize(values, ROWS) for name, values in example.items()}
        parts |= {"sampler": component, "loss": _SquaredFields(names), "layers": _layers(1), "y": y, "metrics": []}
    else:
        part = next(part for part in PARTS if part.kind == kind)
        parts[part.name] = [component] if part.many else component
    layers, x, y = (parts.pop(name) for name in ("layers", "x", "y"))
    size = ROWS if needs_whole_batch(component) else ROWS // 2
    return Trainer(Network(layers), **parts), x, y, size


def _x() -> HostArray:
    return np.random.default_rng(0).normal(size=(ROWS, N))


def _layers(outputs: int, **hidden: Any) -> list[Any]:
    return [_dense(4, **{"activation": "tanh", **hidden}), _dense(outputs)]


def _dense(units: int, **settings: Any) -> Any:
    return build("layer", {"name": "dense", "units": units, **settings})


def _activation(activation: Activation) -> TrainingParts:
    return {"layers": _layers(3, activation=activation)}


def _layer(layer: Layer) -> TrainingParts:
    run = LayerRun.of(layer, (N,))
    shape = run.layer.init(np.random.default_rng(0), run.in_shape)[1]
    flat = [] if len(shape) == 1 else [build("layer", "flatten")]
    return {"layers": [layer, *flat, _dense(3)], "x": run.given(run.x(rows=ROWS))}


def _loss(loss: Loss) -> TrainingParts:
    """A network whose scores have the loss's width and domain, and labels from its example."""
    outputs = example_batch(loss, 1)[0].shape[1]
    last = _dense(outputs, activation=end_of_network(loss))
    return {"loss": loss, "layers": [_dense(4), last], "y": example_labels(loss, ROWS), "metrics": []}


def end_of_network(loss: Loss) -> str | None:
    """An activation whose values lie in the loss's domain; SkipCheck where bpframe has none."""
    domain = domain_of(loss)
    if domain is None:
        return {(0.0, 1.0): "softmax", (0.0, np.inf): "softplus"}.get(score_bounds(loss))
    for name in ("softmax", "softplus", "tanh", "log_sigmoid"):
        if (known := range_of(build("activation", name))) and is_subset(known, domain):
            return name
    raise SkipCheck(f"no activation of bpframe's gives scores in {domain}")


@final
@dataclass(frozen=True)
class _SquaredFields:
    """loss = sum over outputs and fields of (z - y)^2 / 2: of any fields, one number a row each."""

    names: tuple[str, ...]
    link: ClassVar[str] = "identity"

    def target_fields(self, outputs: int) -> dict[str, int]:
        """One column each."""
        return dict.fromkeys(self.names, 1)

    def value_and_delta(self, scores: Any, target: Mapping[str, Any]) -> tuple[Any, Any]:
        """(loss (B,), delta (B, C))."""
        residuals = [scores - part for part in target.values()]
        return reduce(add, (0.5 * (r * r).sum(axis=-1) for r in residuals)), reduce(add, residuals)


def example_target(sampler: Any) -> Any:
    """The target of a sampler's own example; None where it has none."""
    own = getattr(sampler, "example", None)
    return None if own is None else own(np.random.default_rng(0))[0]


def _metric(metric: Metric) -> TrainingParts:
    """A loss of the fields that the metric needs, if it needs some."""
    if (names := metric_fields(metric)) is None:
        return {"metrics": [metric]}
    y = {name: np.arange(ROWS) % (k + 2) for k, name in enumerate(names)}
    return {"metrics": [metric], "loss": _SquaredFields(names), "layers": _layers(1), "y": y}


def _optimizer(optimizer: object) -> TrainingParts:
    """With a hidden layer between two others: some rules are for its weights alone."""
    return {"optimizer": optimizer, "layers": [_dense(4, activation="tanh"), *_layers(3)]}


def _schedule(schedule: Schedule) -> TrainingParts:
    return {"optimizer": {"name": "sgd", "lr": schedule}}


def _initializer(initializer: Initializer) -> TrainingParts:
    """Initial weights of a shape that it accepts, or a bias."""
    shape = accepted_shape(initializer)
    if len(shape) == 1:
        return {"layers": [_dense(shape[0], bias_initializer=initializer), _dense(3)]}
    x = np.random.default_rng(0).normal(size=(ROWS, shape[0]))
    return {"layers": [_dense(shape[1], weight_initializer=initializer), _dense(3)], "x": x}


def _augmentation(augmentation: Augmentation) -> TrainingParts:
    """Rows from its example, flat for a dense layer."""
    flat = [build("layer", "flatten")] if hasattr(augmentation, "example_input") else []
    rows = augmentation_rows(augmentation, ROWS)[0]
    return {"augmentations": [augmentation], "layers": [*flat, *_layers(3)], "x": rows}


PARTS_BY_KIND: dict[str, Callable[[Any], TrainingParts]] = {
    "activation": _activation,
    "layer": _layer,
    "loss": _loss,
    "metric": _metric,
    "optimizer": _optimizer,
    "schedule": _schedule,
    "initializer": _initializer,
    "augmentation": _augmentation,
}
