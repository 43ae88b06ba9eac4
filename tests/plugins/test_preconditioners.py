"""The distribution in plugins/preconditioners, as a foreigner's: its laws on both engines, and its formulas."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.linalg import fractional_matrix_power

import bpframe as bp
from bpframe.registry import registry
from bpframe.testing import check_distribution
from tests.planted import plant

SOURCE = Path(__file__).parents[2] / "plugins" / "preconditioners"
PACKAGE = "bpframe_preconditioners"


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its name; this process sees it, by the entry points of its project."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    points = {f"{group}:{n}": t for group, found in project["entry-points"].items() for n, t in found.items()}
    plant(tmp_path, project["name"], points)
    monkeypatch.syspath_prepend(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    bp.refresh()
    yield project["name"]
    monkeypatch.undo()
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    bp.refresh()


def path(rule: Any, p: Any, gradients: list[Any]) -> list[Any]:
    """p after each gradient."""
    state, found = rule.init(p), []
    for step, g in enumerate(gradients, start=1):
        p, state = rule.update(p, g, state, SimpleNamespace(**vars(rule), step=step))
        found.append(p)
    return found


@pytest.mark.parametrize("engines", [("numpy",), pytest.param(("numpy", "jax"), marks=pytest.mark.slow)], ids=len)
def test_both_rules_keep_the_laws_and_leave_nothing_unproven(dist: str, engines: tuple[str, ...]) -> None:
    for report in check_distribution(dist, engines=engines):
        assert report.engines == engines
        assert not report.unproven


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


def test_both_train_where_the_columns_are_of_very_different_sizes(dist: str, rng: np.random.Generator) -> None:
    x = rng.normal(size=(64, 6)) * 10.0 ** np.arange(-2, 4)[None] @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    y = x @ rng.normal(size=(6, 2)) / 100
    losses = {}
    for name, lr in (("sgd", 1e-7), (f"{dist}/shampoo", 0.5), (f"{dist}/soap", 0.01)):
        rule = {"name": name, "lr": lr}
        trainer = bp.Trainer(bp.Network([bp.layers.dense(2)]), "mse", rule, dtype="float64", seed=1)
        trainer.fit(x, y, epochs=60, batch_size=64, verbose=0)
        losses[name] = trainer.evaluate(x, y)["loss"]
    assert losses[f"{dist}/shampoo"] < losses["sgd"] / 2
    assert losses[f"{dist}/soap"] < losses["sgd"] / 2


def test_it_imports_of_bpframe_the_door_of_plugins_alone() -> None:
    imported = {
        node.module
        for file in (SOURCE / PACKAGE).glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "bpframe"
    }
    assert imported == {"bpframe.plugin"}
