"""The example plugin of 0.1.0, as that build had it, installed by pip: it passes and trains as it did then."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import TESTS, Site

OLD = TESTS / "golden" / "0.1.0"


@pytest.fixture(scope="module")
def old_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """That plugin alone in a directory of its own, installed without a network."""
    source, target = (tmp_path_factory.mktemp(name) for name in ("source", "target"))
    shutil.copytree(OLD / "example", source / "example")
    options = ["--quiet", "--no-index", "--no-build-isolation", "--no-deps", "--target", target]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *options, source / "example"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return Site(target)


def test_its_own_tests_pass(old_site: Site, tmp_path: Path):
    shutil.copytree(OLD / "example" / "tests", tmp_path / "tests")
    code = f"import pytest; raise SystemExit(pytest.main(['-q', '-p', 'no:cacheprovider', {str(tmp_path)!r}]))"
    assert "2 passed" in old_site.out(code)


@pytest.mark.parametrize("engine", ["numpy", pytest.param("jax", marks=pytest.mark.slow)])
def test_a_training_ends_where_that_build_ended(old_site: Site, tmp_path: Path, engine: str):
    code = f"""
import numpy as np
from make_old_example import training
made = training({engine!r})
np.savez({str(tmp_path / "now.npz")!r}, loss=made.history.train["loss"], **made.parameters.copy())
"""
    old_site.out(code, TESTS / "golden")
    then, now = np.load(OLD / "example.npz"), np.load(tmp_path / "now.npz")
    assert sorted(then) == sorted(now)
    for name in then:
        np.testing.assert_allclose(now[name], then[name], rtol=1e-12, atol=1e-14)
