"""A fit that diverges names the place and keeps the last finite step."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import (
    NumericalError,
)
from tests.data.bad_data import X, Y, column, same


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [3, 10])
@pytest.mark.parametrize("rate", [1e10, 1e30])
def test_a_diverging_fit_names_step_rate_loss_and_layer_and_keeps_the_last_finite_step(dtype, size, rate):
    def make() -> Any:
        layers = [bp.layers.dense(4, activation="relu", label="hidden"), bp.layers.dense(1, label="out")]
        return bp.Trainer(bp.Network(layers), loss="mse", optimizer={"name": "sgd", "lr": rate}, dtype=dtype)

    trainer = make()
    with pytest.raises(NumericalError) as caught:
        trainer.fit(X[:10], Y[:10, 0], epochs=400, batch_size=size)
    pattern = (
        r"not finite at step (\d+), lr (\S+); last finite loss: (\S+)\. First in (.*)\. The model holds .* step (\d+)\."
    )
    found = re.search(pattern, str(caught.value))
    assert found, str(caught.value)
    step, lr, loss, place, kept = found.groups()
    assert float(lr) == pytest.approx(rate)
    assert np.isfinite(float(loss))
    assert "'hidden'" in place or "'out'" in place
    assert int(kept) == int(step) - 1 > 0
    parameters = trainer.parameters.copy()
    assert all(np.isfinite(array).all() for array in parameters.values())
    steps = Upto(int(kept))
    twin = make()
    twin.callbacks = [steps]
    twin.memories = [{}]
    with pytest.raises(NumericalError):
        twin.fit(X[:10], Y[:10, 0], epochs=400, batch_size=size)
    assert all(np.array_equal(steps.parameters[name], array) for name, array in parameters.items())
    assert trainer.history.step == list(range(-(-10 // size), int(kept) + 1, -(-10 // size)))


class Upto:
    """Notes the parameters after one step."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.parameters: dict[str, Any] = {}

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        if state.step == self.step:
            self.parameters = state.parameters.copy()


def test_after_divergence_the_trainer_equals_one_that_was_stopped_in_time_and_trains_on():
    trainer, stopped = column(optimizer={"name": "sgd", "lr": 1e10}), column(optimizer={"name": "sgd", "lr": 1e10})
    with pytest.raises(NumericalError) as caught:
        trainer.fit(X[:10], Y[:10, 0], epochs=100)
    step = int(re.search(r"after step (\d+)", str(caught.value))[1])
    with pytest.raises(NumericalError):  # the last step is looked at, too
        stopped.fit(X[:10], Y[:10, 0], epochs=step)
    assert same(trainer, stopped)
    assert trainer.history.train == stopped.history.train
    assert np.isfinite(trainer.predict(X)).all()
    trainer.parameters.replace({name: np.zeros_like(array) for name, array in trainer.parameters.items()})
    assert np.isfinite(trainer.evaluate(X, Y[:, 0])["loss"])


def test_a_loss_that_is_infinite_at_the_first_step_leaves_the_initial_parameters():
    trainer, fresh = column(), column()
    fresh.trace(X, Y[:, 0])
    with pytest.raises(
        NumericalError, match=r"at step 1, lr 0.01; last finite loss: none. First in the loss, .*'dense_1'"
    ):
        trainer.fit(X, Y[:, 0] * 1e200, epochs=1)
    assert same(trainer, fresh)
    assert len(trainer.history) == 0


def test_a_first_layer_that_overflows_is_named_as_the_first():
    network = bp.Network([bp.layers.dense(3, label="first"), bp.layers.dense(1, label="second")])
    trainer = bp.Trainer(network, loss="huber", dtype="float64")
    trainer.trace(X, Y[:, 0])
    trainer.parameters["first/weight"] = np.full((3, 3), 1e308)
    with pytest.raises(NumericalError, match="First in layer 'first', u"):
        trainer.fit(np.abs(X) + 2, Y[:, 0])
