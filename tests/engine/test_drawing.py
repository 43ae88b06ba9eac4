"""Rules that draw: the same on every engine, however parameters are cut."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine import flat_store
from bpframe.errors import ShapeError
from bpframe.random import HashKey, PieceKey
from bpframe.testing.laws.trajectory import Trajectory
from bpframe_optimizers.adahessian import Adahessian
from bpframe_optimizers.sgld import Sgld

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 6)), RNG.integers(0, 3, 40)
RULES = {
    "sgld": {"name": "sgld", "temperature": 0.01},
    "ema of sgld": {"name": "ema", "inner": {"name": "sgld", "temperature": 0.01}},
    "adahessian": {"name": "adahessian", "weight_decay": 0.1},
    "lookahead of adahessian": {"name": "lookahead", "inner": "adahessian", "steps": 3},
}
of_rules = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


@dataclass(frozen=True)
class Noise:
    """g <- g + stddev e."""

    stddev: float = 0.1
    scope = "element"
    stochastic = True

    def init(self, p: Any) -> Any:
        return {}

    def transform(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return g + h.stddev * h.key.normal(g), state


def fit(rule: Any, engine: Any = "numpy", hidden: bool = True, **settings: Any) -> Any:
    layers = [bp.layers.dense(5, activation="tanh")] if hidden else []
    network = bp.Network([*layers, bp.layers.dense(3)])
    made = bp.Trainer(network, "softmax_cross_entropy", rule, engine=engine, dtype="float64", seed=2, **settings)
    made.fit(X, Y, epochs=3, batch_size=10)
    return made


def bits(made: Any) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in made._session.snapshot().items()}


@of_rules
def test_draws_are_those_of_each_parameter_however_the_vector_is_cut(rule, monkeypatch):
    whole = fit(rule)
    monkeypatch.setattr(flat_store, "SLICE", 7)
    cut = fit(rule)
    assert len(cut._session._stepper.flats[0].pieces) > len(whole._session._stepper.flats[0].pieces)
    for name, value in whole.parameters.copy().items():
        np.testing.assert_array_equal(cut.parameters[name], value)


NOISY = [Noise(), {"name": "clip_global_norm", "limit": 1.0}, {"name": "gaussian_noise", "stddev": 0.2}]


@pytest.mark.parametrize(("rule", "steps"), [("ema of sgld", NOISY), ("adahessian", [])])
def test_both_engines_draw_the_same(rule, steps):
    numpy, jax = (fit(RULES[rule], engine, False, gradient_steps=steps) for engine in ("numpy", "jax"))
    for name, value in numpy.parameters.copy().items():
        np.testing.assert_allclose(jax.parameters[name], value, rtol=1e-9, atol=1e-11)


@of_rules
def test_programs_and_a_resume_keep_the_bits(rule, tmp_path):
    class Save:
        @bp.hookimpl
        def bpframe_batch_end(self, state: Any) -> None:
            if state.step == 6:
                state.trainer.checkpoint(tmp_path / "c")

    whole = fit(rule, callbacks=[Save()])
    assert bits(fit(rule, {"name": "numpy", "scripts": False})) == bits(whole)
    again = bp.Trainer.resume(tmp_path / "c", callbacks=[])
    again.fit(X, Y, epochs=3, batch_size=10)
    assert bits(again) == bits(whole)


def test_two_steps_that_draw_and_a_rule_do_not_draw_the_same():
    seen = {}

    @dataclass(frozen=True)
    class Look(Noise):
        name: str = ""

        def transform(self, p: Any, g: Any, state: Any, h: Any) -> Any:
            seen.setdefault(self.name, np.asarray(h.key.normal(p)))
            return g, state

    class Rule(Look):
        inner = Sgld()

        def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
            return self.transform(p, g, state, h)

    fit(Rule(name="rule"), gradient_steps=[Look(name="one"), Look(name="other")])
    draws = [seen[name] for name in ("one", "other", "rule")]
    assert all(abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.5 for a, b in pairwise(draws))


def test_who_does_not_say_that_it_draws_has_no_key():
    keys = []

    @dataclass(frozen=True)
    class Plain(Noise):
        stochastic = False

        def transform(self, p: Any, g: Any, state: Any, h: Any) -> Any:
            keys.append(h.key)
            return g, state

    fit("sgd", gradient_steps=[Plain()])
    assert set(keys) == {None}


def test_in_scope_element_a_draw_is_for_all_elements():
    @dataclass(frozen=True)
    class One(Noise):
        def transform(self, p: Any, g: Any, state: Any, h: Any) -> Any:
            return g * h.key.uniform(g[:1]), state

    with pytest.raises(ShapeError, match=r"h.key draws a number for each of the \d+ elements of p, got 1"):
        fit("sgd", gradient_steps=[One()])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("draw", ["uniform", "normal"])
def test_a_piece_draws_what_its_parameters_draw_alone(draw, dtype):
    keys = [HashKey(1, number) for number in range(3)]
    alone = [getattr(key, draw)(np.zeros(size, dtype)) for key, size in zip(keys, (5, 4, 6), strict=True)]
    piece = PieceKey(((keys[0], 3, 2), (keys[1], 0, 4), (keys[2], 0, 1)))
    found = getattr(piece, draw)(np.zeros(7, dtype))
    np.testing.assert_array_equal(found, np.concatenate([alone[0][3:], alone[1], alone[2][:1]]))
    assert found.dtype == dtype


# ------------------------------------------------------------------------------------------------- the bundled rules


def test_langevin_steps_on_a_parabola_end_in_a_normal_distribution_of_variance_temperature():
    rule, points = Sgld(lr=0.1, temperature=0.3), []
    course = Trajectory(rule, [np.zeros(200)])
    for step in range(400):
        course.step(lambda pieces: pieces)
        if step >= 100 and step % 20 == 0:
            points.append(course.pieces[0])
    variance = np.var(points)
    assert variance == pytest.approx(0.3 / (1 - 0.1 / 2), rel=0.05)  # that of the chain of this step size
    assert abs(np.mean(points)) < 0.05


def test_the_estimate_is_the_curvature_itself_on_a_parabola_along_the_axes():
    curvature, p = np.array([0.5, 1.0, 4.0, 20.0]), np.array([1.0, -2.0, 3.0, 0.5])
    course = Trajectory(Adahessian(lr=1.0, eps=1e-12), [p])
    course.step(lambda pieces: [curvature * pieces[0]])
    np.testing.assert_allclose(course.pieces[0], np.zeros(4), atol=1e-9)  # the first step is Newton's


def test_the_estimate_is_unbiased_where_the_hessian_has_other_entries():
    a = RNG.normal(size=(6, 6))
    hessian, estimates = a @ a.T, []
    for step in range(3000):
        course = Trajectory(Adahessian(), [np.zeros(6)])
        course.t = step
        course.step(lambda pieces: [hessian @ pieces[0]])
        estimates.append(np.sqrt(course.states[0]["v"] / 0.001))
    signed = np.mean(np.square(estimates), axis=0)
    off = (hessian**2).sum(axis=1) - np.diag(hessian) ** 2
    np.testing.assert_allclose(signed, np.diag(hessian) ** 2 + off, rtol=0.1)  # E d^2 over signs
