"""L-BFGS: the conditions of its line search, its convergence beside SciPy's, its restarts."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from bpframe.engine.hyperparameters import Settings
from bpframe.errors import ConfigError
from bpframe.testing.laws.comparison import arrays_in, require_same_bits
from bpframe.testing.laws.purity import make_read_only
from bpframe_optimizers.lbfgs import Lbfgs, _inverse_hessian_times
from bpframe_optimizers.wolfe import Trial, Wolfe, search


class Counted:
    """An objective that counts its calls and hands out read-only gradients."""

    def __init__(self, value, gradient):
        self.value, self.gradient, self.calls = value, gradient, 0

    def __call__(self, p):
        self.calls += 1
        return float(self.value(p)), make_read_only(np.array(self.gradient(p), dtype=np.float64))


def rosenbrock() -> Counted:
    return Counted(rosen, rosen_der)


def quadratic(n: int = 20, condition: float = 1e3) -> Counted:
    """Half (p - 1) A (p - 1), A with eigenvalues from 1 to `condition` along random axes."""
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(n, n)))[0]
    a = (q * np.geomspace(1, condition, n)) @ q.T
    return Counted(lambda p: 0.5 * (p - 1) @ a @ (p - 1), lambda p: a @ (p - 1))


def logistic() -> Counted:
    """A penalised logistic regression."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(60, 8)), rng.integers(0, 2, 60) * 2.0 - 1
    return Counted(
        lambda w: np.mean(np.logaddexp(0, -y * (x @ w))) + 0.005 * w @ w,
        lambda w: -(x.T @ (y / (1 + np.exp(y * (x @ w))))) / 60 + 0.01 * w,
    )


START = {"rosenbrock": np.tile([-1.2, 1.0], 5), "quadratic": np.zeros(20), "logistic": np.zeros(8)}
MAKE = {"rosenbrock": rosenbrock, "quadratic": quadratic, "logistic": logistic}


def follow(f: Any, p: Any, steps: int, rule: Lbfgs | None = None, state: Any = None) -> tuple[list[Any], Any]:
    """(p before the first and after each update, the last state)."""
    rule = rule or Lbfgs()
    settings, state, path = Settings(rule, np.float64), state or rule.init(p), [p]
    for t in range(steps):
        make_read_only([p, state])
        p, state = rule.update(p, f, state, settings.at(t))
        path.append(p)
    return path, state


@pytest.mark.parametrize("name", MAKE)
def test_it_reaches_the_minimum_that_scipy_finds(name):
    f = MAKE[name]()
    best = minimize(f.value, START[name], jac=f.gradient, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-10})
    path, _ = follow(f, START[name], 250)
    np.testing.assert_allclose(path[-1], best.x, atol=1e-5)
    assert f.value(path[-1]) <= best.fun + 1e-12


@pytest.mark.parametrize("name", MAKE)
def test_it_needs_no_more_iterations_than_scipy_by_much(name):
    f = MAKE[name]()
    target = f.value(START[name]) * 1e-8 if name != "logistic" else minimize(f.value, START[name]).fun + 1e-8
    scipy_path = [START[name]]
    minimize(f.value, START[name], jac=f.gradient, method="L-BFGS-B", options={"ftol": 0}, callback=scipy_path.append)
    wanted = next(t for t, p in enumerate(scipy_path) if f.value(p) <= target)
    path, _ = follow(f, START[name], 200)
    needed = next(t for t, p in enumerate(path) if f.value(p) <= target)
    assert needed <= 1.25 * wanted + 3
    f.calls = 0
    follow(f, START[name], needed)
    assert f.calls <= 3 * needed


def test_with_exact_line_searches_a_quadratic_in_n_variables_takes_n_iterations():
    f = quadratic(5, 100.0)
    path, _ = follow(f, np.zeros(5), 5, Lbfgs(c1=1e-9, c2=1e-8))
    assert f.value(path[4]) > 1e-6 * f.value(path[0])
    assert f.value(path[5]) < 1e-15 * f.value(path[0])


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("c2", [0.1, 0.9])
def test_every_step_meets_the_strong_wolfe_conditions(name, c2):
    f = MAKE[name]()
    path, _ = follow(f, START[name], 60, Lbfgs(c2=c2))
    tested = 0
    for before, after in pairwise(path):
        s, (old, g), (new, g_new) = after - before, f(before), f(after)
        if np.max(np.abs(g)) < 1e-5:
            break  # what is left to gain is less than rounding
        assert new <= old + 1e-4 * (g @ s) + 1e-15 * abs(old)
        assert abs(g_new @ s) <= c2 * abs(g @ s) * (1 + 1e-9)
        tested += 1
    assert tested >= 7


@pytest.mark.parametrize("name", MAKE)
def test_it_never_raises_the_objective_even_where_rounding_is_all_there_is(name):
    f = MAKE[name]()
    path, _ = follow(f, START[name], 200)
    values = np.array([f.value(p) for p in path])
    assert np.all(np.diff(values) <= 0)


def test_its_direction_is_that_of_the_bfgs_formula_with_matrices():
    rng, rule = np.random.default_rng(2), Lbfgs(history=4)
    a = np.diag(np.arange(1.0, 7.0))
    state, pairs = rule.init(np.zeros(6)), []
    for _ in range(7):  # the ring goes round
        s = rng.normal(size=6)
        pairs.append((s, a @ s))
        state = rule._remember(state, *pairs[-1])
    s, y = pairs[-1]
    h = np.eye(6) * (s @ y) / (y @ y)
    for s, y in pairs[-4:]:
        v = np.eye(6) - np.outer(y, s) / (s @ y)
        h = v.T @ h @ v + np.outer(s, s) / (s @ y)
    g = rng.normal(size=6)
    np.testing.assert_allclose(_inverse_hessian_times(g, state), h @ g, rtol=1e-10, atol=1e-12)


def test_pairs_without_clear_curvature_are_not_kept():
    rule = Lbfgs()
    state, s = rule.init(np.zeros(2)), np.array([1.0, 0.0])
    for y in ([-1.0, 0.0], [0.0, 1.0], [1e-11, 1.0], [np.nan, 1.0]):
        assert rule._remember(state, s, np.array(y)) is state
    tiny = rule._remember(state, 1e-9 * s, 1e-9 * s)  # small steps are no small curvature
    assert tiny["count"] == 1


def test_a_run_that_was_saved_and_continued_has_the_same_bits():
    f = rosenbrock()
    path, end = follow(f, START["rosenbrock"], 30)
    half, state = follow(f, START["rosenbrock"], 13)
    stored = {place: np.array(a) for place, a in arrays_in(state, "")}
    again, last = follow(f, np.array(half[-1]), 17, state={name: stored[f"[{name!r}]"] for name in state})
    require_same_bits("path", again, path[13:])
    require_same_bits("state", last, end)


def test_states_have_one_form_whatever_was_remembered():
    rule, f = Lbfgs(history=3), rosenbrock()
    p = START["rosenbrock"]
    forms = set()
    for steps in (0, 1, 2, 3, 9):
        state = follow(f, p, steps, rule)[1]
        forms.add(tuple((name, np.shape(a), np.asarray(a).dtype) for name, a in sorted(state.items())))
    assert len(forms) == 1


@pytest.mark.parametrize("outside", [math.inf, math.nan, -math.inf])
def test_steps_that_leave_the_domain_are_shortened(outside):
    def value(p):  # -log is not defined at 0 and below
        return float(p[0] - 0.01 * np.log(p[0])) if p[0] > 0 else outside

    f = Counted(value, lambda p: np.array([1 - 0.01 / p[0] if p[0] > 0 else outside]))
    path, _ = follow(f, np.array([5.0]), 30)
    assert path[-1][0] == pytest.approx(0.01, rel=1e-6)
    assert all(p[0] > 0 for p in path)


def test_at_a_stationary_point_nothing_moves():
    f = quadratic()
    path, state = follow(f, np.ones(20), 3)
    require_same_bits("path", path, [np.ones(20)] * 4)
    assert state["count"] == 0
    assert f.calls == 3


def test_where_no_step_lowers_the_objective_it_stays_and_forgets():
    f = Counted(lambda p: 1.0, lambda p: np.ones(2))  # a gradient that is wrong
    rule = Lbfgs()
    remembered = rule._remember(rule.init(np.zeros(2)), np.ones(2), np.ones(2))
    path, state = follow(f, np.zeros(2), 1, rule, remembered)
    require_same_bits("p", path[1], np.zeros(2))
    assert state["count"] == 0
    assert f.calls <= 1 + rule.evaluations


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("slope", [math.nan, math.inf, 0.0, 1.0])
def test_an_objective_that_is_not_finite_at_the_start_changes_nothing(value, slope):
    f = Counted(lambda p: value if p[0] == 1 else p[0], lambda p: np.full(2, slope if p[0] == 1 else 1.0))
    path, _ = follow(f, np.ones(2), 2)
    require_same_bits("path", path, [np.ones(2)] * 3)


def test_pairs_of_another_objective_do_no_harm():
    _, state = follow(quadratic(10), np.zeros(10), 15)
    f = rosenbrock()
    path, _ = follow(f, START["rosenbrock"], 120, state=state)
    assert f.value(path[-1]) < 1e-10
    assert np.all(np.diff([f.value(p) for p in path]) <= 0)


LINES = {
    "quadratic": (lambda a: (a - 1) ** 2, lambda a: 2 * (a - 1)),
    "quartic": (lambda a: (a - 3) ** 4 - 100, lambda a: 4 * (a - 3) ** 3),
    "wavy": (lambda a: math.sin(3 * a + 2) + 0.1 * (a - 9) ** 2, lambda a: 3 * math.cos(3 * a + 2) + 0.2 * (a - 9)),
    "wall": (lambda a: -a if a < 2 else 1e6 * (a - 2) - 2, lambda a: -1.0 if a < 2 else 1e6),
    "far": (lambda a: -a / (a * a + 2e6), lambda a: (a * a - 2e6) / (a * a + 2e6) ** 2),
}


@pytest.mark.parametrize("name", ["quadratic", "quartic", "wavy", "far"])
@pytest.mark.parametrize("first", [1e-3, 1.0, 50.0])
def test_the_line_search_finds_a_step_with_both_conditions(name, first):
    value, slope = LINES[name]
    end = search(lambda a: trial(a, value, slope), Wolfe(trial(0.0, value, slope), 1e-4, 0.1), first, 40)
    assert end.step > 0
    assert value(end.step) <= value(0) + 1e-4 * end.step * slope(0)
    assert abs(slope(end.step)) <= 0.1 * abs(slope(0))


def test_a_step_that_is_flat_enough_but_lowers_too_little_is_not_taken():
    value, slope = LINES["quadratic"]
    end = search(lambda a: trial(a, value, slope), Wolfe(trial(0.0, value, slope), 0.1, 0.95), 1.9, 20)
    assert value(end.step) <= 1 - 0.2 * end.step


def test_the_line_search_gives_the_lowest_step_so_far_where_no_step_has_both_conditions():
    value, slope = LINES["wall"]
    end = search(lambda a: trial(a, value, slope), Wolfe(trial(0.0, value, slope), 1e-4, 0.5), 1.0, 30)
    assert value(end.step) == pytest.approx(-2, abs=1e-3)


@pytest.mark.parametrize("evaluations", [1, 2, 5])
def test_the_line_search_keeps_to_its_evaluations(evaluations):
    calls = []

    def line(a):
        calls.append(a)
        return trial(a, *LINES["wavy"])

    search(line, Wolfe(trial(0.0, *LINES["wavy"]), 1e-4, 1e-9), 1.0, evaluations)
    assert len(calls) == evaluations


def trial(a: float, value: Any, slope: Any) -> Trial:
    """What is found at step a of a function of one number."""
    return Trial(a, value(a), slope(a), np.array([a]), np.array([slope(a)]))


@pytest.mark.parametrize(
    "arguments",
    [{"history": 0}, {"evaluations": 0}, {"c1": 0.0}, {"c2": 1.0}, {"c1": 0.5, "c2": 0.4}],
    ids=str,
)
def test_a_value_out_of_range_is_named(arguments):
    with pytest.raises(ConfigError, match=f"lbfgs needs .*{next(iter(arguments))}"):
        Lbfgs(**arguments)


def test_it_is_rebuilt_from_its_repr():
    assert eval(repr(Lbfgs(history=3, c1=1e-3, c2=0.5, evaluations=7))) == Lbfgs(3, 1e-3, 0.5, 7)
