"""A rule that minimizes the objective itself leaves the statistics of the point that it accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp

X = np.random.default_rng(0).normal(size=(32, 4))
Y = (X @ np.array([1.0, -2.0, 0.5, 0.0]))[:, None]


@dataclass(frozen=True)
class Descent:
    """p <- p - lr g, at a point where nobody has evaluated the objective."""

    lr: float = 0.1
    scope: ClassVar[str] = "objective"

    def init(self, p: Any) -> Any:
        return {"count": np.zeros(())}

    def update(self, p: Any, f: Any, state: Any, h: Any) -> Any:
        return p - h.lr * f(p)[1], {"count": state["count"] + 1}


def trained(rule: Any, engine: str, epochs: int) -> bp.Trainer:
    layers = [
        bp.layers.dense(5, activation="tanh"),
        bp.layers.residual([bp.layers.batch_norm(), bp.layers.dense(5, activation="tanh")]),
        bp.layers.batch_norm(),
        bp.layers.dense(1),
    ]
    trainer = bp.Trainer(bp.Network(layers, inputs=4), "mse", rule, engine=engine, dtype="float64")
    trainer.fit(X, Y, epochs=epochs, batch_size=32)
    return trainer


@pytest.mark.parametrize(("rule", "engine"), [("lbfgs", "numpy"), ("lbfgs", "jax"), (Descent(), "numpy")])
def test_evaluation_gives_the_loss_of_the_accepted_point(rule, engine):
    trainer = trained(rule, engine, 12)
    evaluated = trainer.evaluate(X, Y)["loss"]
    trainer.fit(X, Y, epochs=1, batch_size=32)
    np.testing.assert_allclose(evaluated, trainer.history.train["loss"][-1], rtol=1e-9)  # the loss where it starts


def test_a_frozen_batch_norm_keeps_its_statistics():
    layers = [bp.layers.batch_norm(), bp.layers.dense(1)]
    frozen = [{"match": "batch_norm_1/*", "frozen": True}]
    trainer = bp.Trainer(bp.Network(layers, inputs=4), "mse", "lbfgs", groups=frozen, dtype="float64")
    trainer.parameters["batch_norm_1/buffers/mean"] = np.full(4, 0.5)
    trainer.fit(X, Y, epochs=2, batch_size=32)
    np.testing.assert_array_equal(trainer.parameters["batch_norm_1/buffers/mean"], np.full(4, 0.5))
    np.testing.assert_array_equal(trainer.parameters["batch_norm_1/buffers/variance"], np.ones(4))
