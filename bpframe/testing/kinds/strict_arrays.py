"""Strict arrays: the checks that components of a kind ask no values of arrays, and nothing but the Array API standard.

p and g (n,) or (n, m); scores, targets, rows and points as in the laws of each kind.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from bpframe.engine import optimizer_chain
from bpframe.engine.hyperparameters import Settings, over
from bpframe.network.context import StepContext
from bpframe.protocols import Augmentation, Auxiliary, Measure, Refresh, RowSums, SampleTarget
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import takes_class_numbers
from bpframe.registry.of_fields import of_one_array
from bpframe.testing.kinds.augmentations import augmentation_rows
from bpframe.testing.kinds.metrics import metric_rows
from bpframe.testing.laws.array_api import Convert, require_array_api
from bpframe.testing.laws.descent import STEPS
from bpframe.testing.laws.examples import example_batch
from bpframe.testing.laws.gradient_step_run import GradientStepRun
from bpframe.testing.laws.layer_run import KEY, LayerRun
from bpframe.testing.laws.precision import DTYPES
from bpframe.testing.laws.trajectory import PARAM, Trajectory, number_type, numbers, param_of, shape_of
from bpframe.testing.laws.unknown_values import require_no_values
from bpframe.testing.report import Check, SkipCheck

IN_SHAPE = (5,)
SHAPE = (4, 3)  # of a parameter


def array_api_checks(kind: str, component: Any) -> dict[str, Check]:
    """The checks by name; none for kinds that compute on the host."""
    if kind not in BY_KIND or (kind in ON_ARRAYS and not any(implements(component, each) for each in ON_ARRAYS[kind])):
        return {}
    compute = partial(BY_KIND[kind], component)
    return {"array values": partial(require_no_values, compute), "array api": partial(require_array_api, compute)}


def _activation(activation: Any, convert: Convert) -> Any:
    if hasattr(activation, "forward"):
        return _layer(activation, convert, (4,))
    v = activation.value(convert(2 * _normal((6, 4))))
    return {"value": v, "derivative": activation.derivative(v)}


def _layer(layer: Any, convert: Convert, in_shape: tuple[int, ...] = IN_SHAPE) -> Any:
    """Forward and backward in training and in evaluation, and refreshed buffers."""
    run = LayerRun.of(layer, in_shape)
    layer = run.layer
    results: dict[str, Any] = {}
    for mode in ("training", "evaluation"):
        params, context = convert(run.params), StepContext(mode == "training", True, KEY)
        y, cache = layer.forward(params, convert(run.x()), context)
        dx, gradients = layer.backward(params, cache, convert(_normal(tuple(y.shape))), context)
        results[mode] = {"y": y, "dx": dx, "gradients": gradients}
        if mode == "training" and implements(layer, Refresh):
            results["refresh"] = layer.refresh(params, cache)
        if mode == "training" and implements(layer, Auxiliary):
            results["auxiliary"] = [part for part in layer.auxiliary(params, cache, context) if part is not None]
    return results


def _loss(loss: Any, convert: Convert) -> Any:
    loss = of_one_array(loss)
    scores, target = map(convert, example_batch(loss, 1))
    values, delta = loss.value_and_delta(scores, target)
    drawn = loss.sample_target(scores, KEY) if implements(loss, SampleTarget) else None
    numbered = loss.value_and_delta(scores, convert(np.zeros((5, 1)))) if takes_class_numbers(loss) else ()
    return {"values": values, "delta": delta, "sampled target": drawn, "of class numbers": list(numbered)}


def _optimizer(optimizer: Any, convert: Convert) -> Any:
    if optimizer.scope == "objective":
        raise SkipCheck("a minimizer runs on the host")
    rule = optimizer_chain.rule_for(over(optimizer, STEPS), PARAM)
    p, gradients = numbers(shape_of(rule), DTYPES[1])
    course = Trajectory(rule, [convert(p)])
    path = course.follow([convert(g)] for g in gradients)
    return {"p": path, "state": course.states, "evaluation": course.evaluated()}


def _gradient_step(step: Any, convert: Convert) -> Any:
    p, gradients = numbers(shape_of(step), DTYPES[1])
    run = GradientStepRun(step, [convert(p)])
    return {"g": [run.transform([convert(g)]) for g in gradients], "p": run.pieces, "state": run.states}


def _regularizer(regularizer: Any, convert: Convert) -> Any:
    p = convert(_normal(SHAPE))
    return list(regularizer.value_and_gradient(p, Settings(regularizer, number_type(p)).at(0)))


def _constraint(constraint: Any, convert: Convert) -> Any:
    p = convert(3 * _normal(SHAPE))
    settings = Settings(constraint, number_type(p))
    settings.note(param=param_of(SHAPE))
    return [constraint.project(p, settings.at(0))]


def _augmentation(augmentation: Augmentation, convert: Convert) -> Any:
    x, target, weight = map(convert, augmentation_rows(augmentation))
    h = Settings(augmentation, number_type(x)).at(0)
    with_weights, without = (augmentation.augment(x, target, given, KEY, h) for given in (weight, None))
    return {"with weights": list(with_weights), "without": [part for part in without if part is not None]}


def _metric(metric: Any, convert: Convert) -> Any:
    """Its values of rows, and what it measures of an update, as far as it has either."""
    found = dict(_measure(metric, convert)) if implements(metric, Measure) else {}
    if implements(cast(object, metric), RowSums):
        prediction, target, weight = map(convert, metric_rows(metric))
        values: Any = metric.row_values(prediction, target)
        found["rows"] = values.__array_namespace__().astype(values, weight.dtype)  # yes or no as 1 and 0
    return found


def _measure(part: Any, convert: Convert) -> Any:
    """What it measures of an update."""
    before, after, g = (convert(np.random.default_rng(k).normal(size=SHAPE)) for k in range(3))
    settings = Settings(part, float)
    settings.note(step=1, loss=0.5, weight=2.0, param=param_of(SHAPE), rule=SimpleNamespace(lr=0.1))
    return part.measure(before, after, g, settings.h)


def _normal(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(0).normal(size=shape)


BY_KIND: dict[str, Callable[[Any, Convert], Any]] = {
    "activation": _activation,
    "layer": _layer,
    "loss": _loss,
    "optimizer": _optimizer,
    "gradient_step": _gradient_step,
    "regularizer": _regularizer,
    "constraint": _constraint,
    "augmentation": _augmentation,
    "callback": _measure,
    "metric": _metric,
}
ON_ARRAYS = {"callback": (Measure,), "metric": (Measure, RowSums)}  # kinds that compute on the host but for these
