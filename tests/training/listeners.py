"""A small fit, and callbacks that pass what they hear to a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import bpframe as bp

X = np.random.default_rng(1).normal(size=(10, 3))
Y = X @ [1.0, -2.0, 0.5]
STEPS = 3  # of 4, 4 and 2 rows


def listener(note: Callable[[str, Any], Any], *names: str) -> object:
    """A callback whose hooks of these names call note(name, state)."""

    def implement(name: str) -> Callable[..., None]:
        def hook(self: object, state: Any) -> None:
            note(name, state)

        hook.__name__ = name
        return bp.hookimpl(hook)

    return type("Listener", (), {name: implement(name) for name in names})()


def trainer(*callbacks: Any, **settings: Any) -> bp.Trainer:
    """A small regression."""
    network = bp.Network([bp.layers.dense(4, activation="tanh"), bp.layers.dense(1)])
    return bp.Trainer(network, **{"loss": "mse", "dtype": "float64", "callbacks": callbacks, **settings})


def fit(*callbacks: Any, epochs: int = 2, **settings: Any) -> bp.Trainer:
    """The trainer after `epochs` of three steps each."""
    trained = trainer(*callbacks, **settings)
    trained.fit(X, Y, epochs=epochs, batch_size=4, validation=(X, Y))
    return trained


class SpyEngine:
    """The NumPy engine, noting which steps it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def session(self, *arguments: Any) -> Any:
        """A session whose `run` is noted."""
        session = bp.build("engine", "numpy").session(*arguments)
        run = session.run

        def noted(batches: Any, start: int, stop: int) -> Any:
            self.asked.append((start, stop))
            return run(batches, start, stop)

        session.run = noted
        return session


class Boom:
    """Fails at one hook."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        """Fail at the second step."""
        if state.step == 2:
            raise self.error
