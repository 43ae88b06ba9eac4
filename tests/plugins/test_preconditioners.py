"""The distribution in plugins/preconditioners, as a foreigner's: its laws on both engines, and its formulas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.linalg import fractional_matrix_power

import bpframe as bp
from bpframe.random import HashKey
from bpframe.testing import check_distribution
from bpframe.testing.pairs.partners import Partner
from bpframe.testing.pairs.table import pair
from tests.plugins.source_distribution import imported_of_bpframe, installed

SOURCE = Path(__file__).parents[2] / "plugins" / "preconditioners"
PACKAGE = "bpframe_preconditioners"
KEY = HashKey(1, 2)


@pytest.fixture
def dist(tmp_path: Path) -> Iterator[str]:
    """Its name."""
    with installed(SOURCE, tmp_path) as name:
        yield name


def path(rule: Any, p: Any, gradients: list[Any]) -> list[Any]:
    """p after each gradient."""
    state, found = rule.init(p), []
    for step, g in enumerate(gradients, start=1):
        p, state = rule.update(p, g, state, SimpleNamespace(**vars(rule), step=step, key=KEY.child(step)))
        found.append(p)
    return found


@pytest.mark.parametrize("engines", [("numpy",), pytest.param(("numpy", "jax"), marks=pytest.mark.slow)], ids=len)
def test_all_rules_keep_the_laws_and_leave_nothing_unproven(dist: str, engines: tuple[str, ...]) -> None:
    for report in check_distribution(dist, engines=engines):
        assert report.engines == engines
        assert not report.unproven


@pytest.mark.parametrize("name", ["kron", "soap"])
def test_rules_that_keep_arrays_of_a_parameters_shape_are_proven_beside_others(dist: str, name: str) -> None:
    rule = Partner("optimizer", name, bp.build("optimizer", f"{dist}/{name}"))
    found = pair(rule, Partner("regularizer", "l2", bp.build("regularizer", {"name": "l2", "strength": 0.01})))
    assert found.status == "proven", str(found)


def test_shampoo_is_the_power_of_sums_that_scipy_gives(dist: str, rng: np.random.Generator) -> None:
    rule = bp.build("optimizer", {"name": f"{dist}/shampoo", "lr": 0.5, "eps": 0.1})
    gradients = [rng.normal(size=(4, 3)) for _ in range(3)]
    p, left, right = np.zeros((4, 3)), 0.1 * np.eye(4), 0.1 * np.eye(3)
    for g, found in zip(gradients, path(rule, p, gradients), strict=True):
        left, right = left + g @ g.T, right + g.T @ g
        p = p - 0.5 * fractional_matrix_power(left, -0.25) @ g @ fractional_matrix_power(right, -0.25)
        np.testing.assert_allclose(found, p, rtol=1e-9, atol=1e-12)


def test_shampoo_of_a_vector_is_adagrad_with_a_full_matrix(dist: str, rng: np.random.Generator) -> None:
    rule = bp.build("optimizer", {"name": f"{dist}/shampoo", "lr": 1.0, "eps": 0.3})
    gradients = [rng.normal(size=5) for _ in range(4)]
    p, total = np.zeros(5), 0.3 * np.eye(5)
    for g, found in zip(gradients, path(rule, p, gradients), strict=True):
        total = total + np.outer(g, g)
        p = p - fractional_matrix_power(total, -0.5) @ g
        np.testing.assert_allclose(found, p, rtol=1e-9, atol=1e-12)


def test_soap_turns_with_the_coordinates(dist: str, rng: np.random.Generator) -> None:
    rule = bp.build("optimizer", {"name": f"{dist}/soap", "lr": 0.1})
    gradients = [rng.normal(size=(4, 3)) for _ in range(6)]
    u, w = (np.linalg.qr(rng.normal(size=(n, n)))[0] for n in (4, 3))
    plain = path(rule, np.zeros((4, 3)), gradients)
    turned = path(rule, np.zeros((4, 3)), [u @ g @ w.T for g in gradients])
    assert np.abs(plain[-1]).max() > 0.1
    for one, other in zip(plain, turned, strict=True):
        np.testing.assert_allclose(u @ one @ w.T, other, rtol=1e-7, atol=1e-9)


def test_soap_without_factors_is_adam_one_step_late(dist: str, rng: np.random.Generator) -> None:
    rule = bp.build("optimizer", {"name": f"{dist}/soap", "lr": 0.1, "longest": 1})
    gradients = [rng.normal(size=(4, 3)) for _ in range(4)]
    adam = bp.build("optimizer", {"name": "adam", "lr": 0.1, "beta1": 0.95, "beta2": 0.95, "eps": 1e-8})
    late = path(rule, np.zeros((4, 3)), gradients)
    np.testing.assert_array_equal(late[0], 0.0)
    for one, other in zip(late[1:], path(adam, np.zeros((4, 3)), gradients[1:]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def _moved(factor: Any, a: Any, b: Any) -> Any:
    """One triangular factor fitted, from A and B as matrices whose rows run along its axis."""
    plus, minus = a @ a.T + b @ b.T, a @ a.T - b @ b.T
    column = plus[:, np.argmax(np.linalg.norm(plus, axis=0))]
    size = np.linalg.norm(plus @ column) / np.linalg.norm(column)
    return factor - 0.1 * np.triu(minus) @ factor / size


def test_kron_is_one_matrix_on_the_numbers_of_a_parameter_side_by_side(dist: str, rng: np.random.Generator) -> None:
    rule = bp.build("optimizer", {"name": f"{dist}/kron", "lr": 0.5, "clip": 1e9})
    gradients = [rng.normal(size=(4, 3)) * 3 for _ in range(5)]
    p, m, left, right = np.zeros((4, 3)), np.zeros((4, 3)), np.eye(4), np.eye(3)
    for t, (g, found) in enumerate(zip(gradients, path(rule, p, gradients), strict=True), start=1):
        m = 0.9 * m + 0.1 * g
        whole, noise = np.kron(left, right), np.asarray(KEY.child(t).normal(g))
        a = (whole @ (m / (1 - 0.9**t)).ravel()).reshape(4, 3)
        b = np.linalg.solve(whole.T, noise.ravel()).reshape(4, 3)
        left, right = _moved(left, a, b), _moved(right, a.T, b.T)
        whole = np.kron(left, right)
        p = p - 0.5 * (whole.T @ whole @ (m / (1 - 0.9**t)).ravel()).reshape(4, 3)
        np.testing.assert_allclose(found, p, rtol=1e-9, atol=1e-12)


def test_kron_learns_to_whiten_gradients_and_clips_what_is_large(dist: str, rng: np.random.Generator) -> None:
    rule = bp.build("optimizer", {"name": f"{dist}/kron", "lr": 1.0, "beta1": 0.0, "clip": 1e9, "precond_lr": 0.02})
    mix, other = np.diag([10.0, 1.0, 0.1]) + 0.2, np.diag([1.0, 5.0]) + 0.3
    gradients = [mix @ rng.normal(size=(3, 2)) @ other.T for _ in range(3000)]
    found = np.array(path(rule, np.zeros((3, 2)), gradients))
    steps = np.diff(found[2000:], axis=0).reshape(-1, 6)
    raw = np.cov(np.array(gradients[2001:]).reshape(-1, 6).T)
    assert np.linalg.cond(raw) > 1e4
    assert np.linalg.cond(np.cov(steps.T)) < 4
    assert 0.5 < np.mean(steps**2) < 2
    clipped = bp.build("optimizer", {"name": f"{dist}/kron", "lr": 1.0, "clip": 0.25})
    (first, *_) = path(clipped, np.zeros((3, 2)), [np.full((3, 2), 100.0)])
    np.testing.assert_allclose(np.sqrt(np.mean(first**2)), 0.25, rtol=1e-12)


def test_all_train_where_the_columns_are_of_very_different_sizes(dist: str, rng: np.random.Generator) -> None:
    x = rng.normal(size=(64, 6)) * 10.0 ** np.arange(-2, 4)[None] @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    y = x @ rng.normal(size=(6, 2)) / 100
    losses = {}
    for name, lr in (("sgd", 1e-7), (f"{dist}/shampoo", 0.5), (f"{dist}/soap", 0.01), (f"{dist}/kron", 0.01)):
        rule = {"name": name, "lr": lr}
        trainer = bp.Trainer(bp.Network([bp.layers.dense(2)]), "mse", rule, dtype="float64", seed=1)
        trainer.fit(x, y, epochs=60, batch_size=64, verbose=0)
        losses[name] = trainer.evaluate(x, y)["loss"]
    assert losses[f"{dist}/shampoo"] < losses["sgd"] / 2
    assert losses[f"{dist}/soap"] < losses["sgd"] / 2
    assert losses[f"{dist}/kron"] < losses["sgd"] / 2


def test_it_imports_of_bpframe_the_door_of_plugins_alone() -> None:
    assert imported_of_bpframe(SOURCE / PACKAGE) == {"bpframe.plugin"}
