"""The plugin to copy: a foreign distribution of two components, each about ten lines, that bpframe runs and checks."""

from __future__ import annotations

import ast
import math
import re
import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from bpframe.errors import ConfigError
from bpframe.registry import Namespace, Registry
from tests.conftest import EXAMPLE, Site

SOURCE = (EXAMPLE / "bpframe_example.py").read_text()
TREE = ast.parse(SOURCE)


def code_lines(node: ast.ClassDef) -> int:
    """Lines of a class that hold code, its docstrings aside."""
    lines = set(range(node.lineno - len(node.decorator_list), node.end_lineno + 1))
    for inner in ast.walk(node):
        if isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant):
            lines -= set(range(inner.lineno, inner.end_lineno + 1))
    return len([line for line in lines if SOURCE.splitlines()[line - 1].strip()])


def test_it_neither_imports_bpframe_nor_derives_from_anything():
    imported = {alias.name for node in ast.walk(TREE) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom)}
    assert imported == {"dataclasses", "typing"}
    assert [node.bases for node in ast.walk(TREE) if isinstance(node, ast.ClassDef)] == [[], []]


def test_each_component_is_about_ten_lines():
    assert [code_lines(node) <= 14 for node in TREE.body if isinstance(node, ast.ClassDef)] == [True, True]


def test_its_metadata_are_about_six_lines():
    text = (EXAMPLE / "pyproject.toml").read_text()
    tables = tomllib.loads(text)
    assert set(tables) == {"project", "build-system"}
    lines = [line for line in text.partition("[build-system]")[0].splitlines() if line.strip()]
    assert len(lines) <= 8  # for two components; six for one


def test_its_own_tests_pass_outside_of_this_repository(site: Site, tmp_path: Path):
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    code = f"import pytest; raise SystemExit(pytest.main(['-q', '-p', 'no:cacheprovider', {str(tmp_path)!r}]))"
    assert "2 passed" in site.out(code)


def test_the_command_line_checks_the_whole_distribution(site: Site):
    shown = site.out("from bpframe.cli import main; main(['check', 'bpframe-example', '--engine', 'numpy'])")
    assert re.search(r"^2 components, \d\d checks run, 0 failed$", shown, re.MULTILINE)


def test_both_components_train_a_network_by_name(site: Site):
    code = """
import numpy as np, bpframe as bp
x = np.random.default_rng(0).normal(size=(200, 3))
y = x @ [1.0, -2.0, 0.5] + 3.0
optimizer = {"name": "sign_descent", "lr": {"name": "cosine", "initial": 0.05}}
trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "pseudo_huber", optimizer)
trainer.fit(x, y, epochs=40)
print(round(trainer.evaluate(x, y)["r2"], 2))
"""
    assert site.out(code) == "1.0"


@pytest.fixture
def losses(foreign: Registry) -> Namespace:
    """The losses, the example's included."""
    return Namespace(foreign, "loss")


def test_pseudo_huber_is_its_formula(losses: Namespace, rng: np.random.Generator):
    z, y = rng.normal(size=(7, 3)) * 3, rng.normal(size=(7, 3))
    values, delta = losses.pseudo_huber(delta=0.7).value_and_delta(z, y)
    for i in range(7):
        r = [(a - b) / 0.7 for a, b in zip(z[i].tolist(), y[i].tolist(), strict=True)]
        assert values[i] == pytest.approx(sum(0.7**2 * (math.sqrt(1 + t * t) - 1) for t in r), rel=1e-12)
        assert delta[i] == pytest.approx([0.7 * t / math.sqrt(1 + t * t) for t in r], rel=1e-12)


@pytest.mark.parametrize(
    ("r", "value", "slope"), [(1e30, 1e30, 1.0), (-1e30, 1e30, -1.0), (1e-9, 5e-19, 1e-9), (0, 0, 0)]
)
def test_pseudo_huber_keeps_its_digits_where_the_naive_formula_has_none(losses: Namespace, r, value, slope):
    values, delta = losses.pseudo_huber().value_and_delta(np.float32([[r]]), np.float32([[0.0]]))
    assert values.dtype == delta.dtype == np.float32
    assert (values[0], delta[0, 0]) == (pytest.approx(value, rel=1e-6), pytest.approx(slope, rel=1e-6))


def test_pseudo_huber_refuses_a_delta_that_is_no_width(losses: Namespace):
    with pytest.raises(ConfigError, match=r"pseudo_huber needs a number above 0 as delta, got 0\.0"):
        losses.pseudo_huber(delta=0)


def test_sign_descent_moves_by_lr_whatever_the_slope(foreign: Registry):
    rule = Namespace(foreign, "optimizer").sign_descent(lr=0.5)
    p, g = np.float32([1.0, 2.0, 3.0]), np.float32([1e-20, -7.0, 0.0])
    h = type("h", (), {"lr": np.float32(0.25)})
    new, state = rule.update(p, g, rule.init(p), h)
    assert (new.tolist(), new.dtype, state) == ([0.75, 2.25, 3.0], np.float32, {})


def test_a_model_that_uses_the_plugin_is_loaded_only_where_its_distribution_is_named(site: Site, tmp_path: Path):
    code = f"""
import numpy as np, bpframe as bp
path = {str(tmp_path / "model.safetensors")!r}
x = np.eye(3)
trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "pseudo_huber", "sign_descent")
trainer.fit(x, x[:, 0], epochs=1)
trainer.save(path)
try: bp.Trainer.load(path)
except bp.errors.CheckpointError as error: print("bpframe-example" in str(error))
print((bp.Trainer.load(path, plugins=["BPframe_Example"]).predict(x) == trainer.predict(x)).all())
"""
    assert site.out(code).split() == ["True", "True"]
    assert "bpframe_example" not in sys.modules
