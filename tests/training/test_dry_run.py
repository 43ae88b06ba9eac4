"""Components that break their protocol in use are named at the first fit, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=12)


@dataclass(frozen=True)
class Loss:
    """Squared error, with a fault."""

    fault: str
    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        r = scores - target
        if self.fault == "values (B, C)":
            return 0.5 * r * r, r
        if self.fault == "delta (B,)":
            return 0.5 * (r * r).sum(axis=1), r[:, 0]
        if self.fault == "float64":
            return (0.5 * (r * r).sum(axis=1)).astype(np.float64), r
        if self.fault == "list":
            return [0.0] * len(r), r
        if self.fault == "writes":
            scores[0] = 0
        raise RuntimeError("out of luck")


@dataclass(frozen=True)
class Scale:
    """y = x w, with a fault."""

    fault: str

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {"weight": np.ones(in_shape)}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return (x * params["weight"])[: -1 if self.fault == "loses a row" else None], x

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        gradients = {"weight": (dy * cache).sum(axis=0)}
        if self.fault == "no gradient":
            gradients = {}
        if self.fault == "wrong gradient shape":
            gradients = {"weight": dy * cache}
        dx = dy.sum() if self.fault == "wrong dx" else dy * params["weight"]
        return dx, gradients


@dataclass(frozen=True)
class Rule:
    """Gradient descent, with a fault."""

    fault: str
    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> Any:
        return {"m": np.zeros_like(p)}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        if self.fault == "float64":
            return p.astype(np.float64) - g, state
        if self.fault == "drops state":
            return p - g, {}
        if self.fault == "in place":
            state["m"] += g
        return p[:1] - g[:1], state


def fit(layers: Any = (), loss: Any = "mse", optimizer: Any = "sgd") -> Any:
    network = bp.Network([*layers, bp.layers.dense(1)])
    return bp.Trainer(network, loss, optimizer).fit(X, Y)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("values (B, C)", r"loss Loss: value_and_delta, values, must be float32 \(2,\), got float32 \(2, 1\)"),
        ("delta (B,)", r"loss Loss: value_and_delta, delta, must be float32 \(2, 1\), got float32 \(2,\)"),
        ("float64", r"values, must be float32 \(2,\), got float64"),
        ("list", r"values, must be float32 \(2,\), got \[0.0, 0.0\]"),
    ],
)
def test_a_loss_of_the_wrong_shape_or_dtype_is_named(fault, message):
    with pytest.raises(bp.errors.IncompatibleComponent, match=message):
        fit(loss=Loss(fault))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("loses a row", r"layer Scale: forward must be float32 \(2, 3\), got float32 \(1, 3\)"),
        ("no gradient", r"backward must give a gradient for each parameter and nothing else, but differs in 'weight'"),
        ("wrong gradient shape", r"gradient of weight, must be float32 \(3,\), got float32 \(2, 3\)"),
        ("wrong dx", r"dx, must be float32 \(2, 3\), got float32 \(\)"),
    ],
)
def test_a_layer_of_the_wrong_shape_is_named(fault, message):
    with pytest.raises(bp.errors.IncompatibleComponent, match=message):
        fit(layers=[bp.layers.dense(3), Scale(fault)])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("float64", r"optimizer Rule: update, p, must be float32 \(3,\), got float64 \(3,\)"),
        ("drops state", "must hand back the state that init makes"),
        ("shorter", r"update, p, must be float32 \(3,\), got float32 \(1,\)"),
    ],
)
def test_an_optimizer_of_the_wrong_shape_dtype_or_state_is_named(fault, message):
    with pytest.raises(bp.errors.IncompatibleComponent, match=message):
        fit(optimizer=Rule(fault))


@pytest.mark.parametrize(("part", "made"), [("loss", Loss("writes")), ("optimizer", Rule("in place"))])
def test_a_component_that_writes_to_its_arguments_is_named(part, made):
    with pytest.raises(bp.errors.BrokenComponent, match=f"{part} {type(made).__name__} fails in .*read-only"):
        fit(**{part: made})


def test_an_error_inside_a_component_of_the_programs_own_passes_with_its_name():
    with pytest.raises(RuntimeError, match="out of luck") as caught:
        fit(loss=Loss("raises"))
    assert caught.value.__notes__ == ["Raised by loss Loss in value_and_delta."]


def test_a_refused_component_leaves_the_trainer_unfitted_and_untouched():
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)], inputs=3), Loss("delta (B,)"))
    before = trainer.parameters.copy()
    with pytest.raises(bp.errors.IncompatibleComponent):
        trainer.fit(X, Y)
    assert len(trainer.history) == 0
    assert all(np.array_equal(before[name], value) for name, value in trainer.parameters.items())
