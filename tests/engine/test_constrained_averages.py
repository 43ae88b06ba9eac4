"""What predicts is inside every constraint: averages of parameters, initial values and values that are set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp

X = np.random.default_rng(0).normal(size=(32, 4))
Y = (X @ np.array([1.0, -2.0, 0.5, 0.0]))[:, None]
SGD = {"name": "sgd", "lr": 0.05}
LIMIT = 0.5


@dataclass(frozen=True)
class PlainMean:
    """A rule that predicts with the mean of all p so far, and knows of no constraint."""

    lr: float = 0.05
    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> Any:
        return {"sum": 0 * p, "count": 0 * p}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        p = p - h.lr * g
        return p, {"sum": state["sum"] + p, "count": state["count"] + 1}

    def evaluation_params(self, p: Any, state: Any, h: Any) -> Any:
        return state["sum"] / state["count"]


@dataclass(frozen=True)
class Above:
    """A constraint of one layer, bias and all: no number below `least`."""

    least: float = 0.1
    layer: str = "dense_2"

    def applies(self, param: Any) -> bool:
        return bool(param.layer == self.layer)

    def project(self, p: Any, h: Any) -> Any:
        return p.__array_namespace__().maximum(p, h.least)


RULES: dict[str, Any] = {
    "ema": {"name": "ema", "inner": SGD, "decay": 0.9},
    "ema of keras": {"name": "ema", "inner": "adam", "decay": 0.9, "flavor": "keras"},
    "lookahead": {"name": "lookahead", "inner": SGD, "alpha": 1.5},
    "ema of lookahead": {"name": "ema", "inner": {"name": "lookahead", "inner": SGD}, "decay": 0.9},
    "sam of ema": {"name": "sam", "inner": {"name": "ema", "inner": SGD, "decay": 0.9}},
    "schedule_free_sgd": {"name": "schedule_free_sgd", "lr": 0.5},
    "schedule_free_adamw": {"name": "schedule_free_adamw", "lr": 0.1, "beta1": 0.8},
    "foreign": PlainMean(),
    "none": SGD,
}
CONSTRAINTS: dict[str, Any] = {
    "non_negative": "non_negative",
    "max_norm": {"name": "max_norm", "limit": LIMIT},
    "unit_norm": "unit_norm",
    "foreign": Above(),
}
PAIRS = [(rule, kind, "numpy") for rule in RULES for kind in CONSTRAINTS] + [
    pytest.param("schedule_free_sgd", "max_norm", "jax", marks=pytest.mark.slow),
    pytest.param("foreign", "unit_norm", "jax", marks=pytest.mark.slow),
]


def network() -> bp.Network:
    return bp.Network([bp.layers.dense(5, activation="tanh"), bp.layers.dense(1)], inputs=4)


def trainer_of(rule: Any, constraint: Any, engine: str = "numpy", **more: Any) -> bp.Trainer:
    return bp.Trainer(network(), "mse", rule, constraints=[constraint], engine=engine, dtype="float64", **more)


def require_inside(kind: str, values: Any) -> None:
    weights = {name: value for name, value in values.items() if name.endswith("weight")}
    assert weights
    for name, w in weights.items():
        lengths = np.linalg.norm(w, axis=0)
        if kind == "non_negative":
            assert w.min() >= 0, name
        elif kind == "max_norm":
            assert lengths.max() <= LIMIT * (1 + 1e-14), name
        elif kind == "unit_norm":
            np.testing.assert_allclose(lengths, 1.0, rtol=1e-14)
    if kind == "foreign":
        assert min(values[name].min() for name in values if name.startswith("dense_2")) >= 0.1


@dataclass
class Watch:
    """A callback that keeps what predicts after every step."""

    kind: str
    seen: int = 0

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        require_inside(self.kind, state.parameters)
        self.seen += 1


@pytest.mark.parametrize(("rule", "kind", "engine"), PAIRS)
def test_what_predicts_is_inside_from_the_start_on(rule, kind, engine):
    watch = Watch(kind)
    trainer = trainer_of(RULES[rule], CONSTRAINTS[kind], engine, callbacks=[watch])
    require_inside(kind, trainer.parameters)
    trainer.fit(X, Y, epochs=3, batch_size=8)
    assert watch.seen == 12


@pytest.mark.parametrize("kind", ["non_negative", "max_norm", "unit_norm"])
def test_files_hold_what_is_inside_and_load_to_the_same_bits(kind, tmp_path):
    trainer = trainer_of(RULES["ema"], CONSTRAINTS[kind])
    trainer.fit(X, Y, epochs=3, batch_size=8)
    trainer.save(tmp_path / "model")
    trainer.checkpoint(tmp_path / "checkpoint")
    for other in (bp.Trainer.load(tmp_path / "model"), bp.Trainer.resume(tmp_path / "checkpoint")):
        require_inside(kind, other.parameters)
        np.testing.assert_array_equal(other.predict(X), trainer.predict(X))


@pytest.mark.parametrize("rule", ["ema", "lookahead", "schedule_free_sgd", "foreign"])
@pytest.mark.parametrize("kind", ["max_norm", "unit_norm"])
def test_a_second_fit_is_the_rest_of_one(rule, kind):
    whole, halves = (trainer_of(RULES[rule], CONSTRAINTS[kind]) for _ in range(2))
    whole.fit(X, Y, epochs=4, batch_size=8)
    halves.fit(X, Y, epochs=2, batch_size=8)
    halves.fit(X, Y, epochs=2, batch_size=8)
    np.testing.assert_array_equal(halves.predict(X), whole.predict(X))


def test_values_that_are_set_are_projected_and_those_inside_stay_to_the_bit():
    trainer = trainer_of("sgd", CONSTRAINTS["max_norm"])
    long = np.full((4, 5), 3.0)
    trainer.parameters["dense_1/weight"] = long
    np.testing.assert_allclose(trainer.parameters["dense_1/weight"], np.full((4, 5), LIMIT / 2), rtol=1e-15)
    inside = trainer.parameters["dense_1/weight"]
    trainer.parameters.replace({**trainer.parameters, "dense_1/bias": np.full(5, 9.0)})
    np.testing.assert_array_equal(trainer.parameters["dense_1/weight"], inside)
    np.testing.assert_array_equal(trainer.parameters["dense_1/bias"], np.full(5, 9.0))  # no weight: nothing holds it


def test_frozen_parameters_stay_as_they_are():
    frozen = [{"match": "dense_1/*", "frozen": True}]
    trainer = trainer_of("sgd", "non_negative", groups=frozen)
    free = bp.Trainer(network(), "mse", "sgd", dtype="float64")
    np.testing.assert_array_equal(trainer.parameters["dense_1/weight"], free.parameters["dense_1/weight"])
    assert trainer.parameters["dense_2/weight"].min() >= 0


def test_a_tighter_constraint_between_two_fits_holds_from_the_start_of_the_second():
    trainer = trainer_of(SGD, {"name": "max_norm", "limit": 4.0})
    trainer.fit(X, Y, epochs=2, batch_size=8)
    trainer.constraints = [bp.constraints.max_norm(LIMIT)]
    seen: list[Any] = []

    @dataclass
    class Start:
        @bp.hookimpl
        def bpframe_fit_start(self, state: Any) -> None:
            seen.append(state.parameters.copy())

    trainer.callbacks = [Start()]
    trainer.fit(X, Y, epochs=1, batch_size=8)
    require_inside("max_norm", seen[0])


# ------------------------------------------------------ convex sets: exactly the averages of what is inside


def non_negative(w: Any) -> Any:
    return np.maximum(w, 0)


def shortened(w: Any) -> Any:
    length = np.sqrt((w * w).sum(axis=0, keepdims=True))
    return np.where(length > LIMIT, w * (LIMIT / length), w)


def slope(w: Any) -> Any:
    return X.T @ (X @ w - Y) / len(X)


def mean_of_steps(w: Any, project: Callable[[Any], Any], steps: int) -> Any:
    path = []
    for _ in range(steps):
        w = project(w - 0.05 * slope(w))
        path.append(w)
    ages = 0.9 ** np.arange(steps)[::-1]
    return np.einsum("t,tij->ij", ages / ages.sum(), np.array(path))


def slow_weights(w: Any, project: Callable[[Any], Any], steps: int) -> Any:
    slow = w
    for t in range(1, steps + 1):
        w = project(w - 0.05 * slope(w))
        if t % 5 == 0:
            w = slow = slow + 0.5 * (w - slow)
    return slow


def mean_of_bases(w: Any, project: Callable[[Any], Any], steps: int) -> Any:
    bases = []
    x = z = w
    for _ in range(steps):
        z = project(z - 0.5 * slope(0.1 * z + 0.9 * x))
        bases.append(z)
        x = np.mean(bases, axis=0)
    return x


@pytest.mark.parametrize(("constraint", "project"), [("non_negative", non_negative), ("max_norm", shortened)])
@pytest.mark.parametrize(
    ("rule", "average"),
    [
        ({"name": "ema", "inner": SGD, "decay": 0.9}, mean_of_steps),
        ({"name": "lookahead", "inner": SGD}, slow_weights),
        ({"name": "schedule_free_sgd", "lr": 0.5}, mean_of_bases),
    ],
)
def test_averages_are_those_of_projected_steps(rule, average, constraint, project):
    trainer = bp.Trainer(
        bp.Network([bp.layers.dense(1, bias=False)], inputs=4),
        "mse",
        rule,
        constraints=[CONSTRAINTS[constraint]],
        dtype="float64",
    )
    start = trainer.parameters["dense_1/weight"]
    np.testing.assert_allclose(project(start), start, rtol=1e-15)
    trainer.fit(X, Y, epochs=17, batch_size=32)
    np.testing.assert_allclose(
        trainer.parameters["dense_1/weight"], average(start, project, 17), rtol=1e-11, atol=1e-13
    )
