"""Fixtures that several test files share: seeded randomness, and really installed distributions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from bpframe.registry import Registry

TESTS = Path(__file__).parent
collect_ignore = ["golden"]  # data, among them a plugin of an earlier build with tests of its own
OWN_VARIABLES = ("PYTHONPATH", "BPFRAME_PLUGINS", "PYTEST_ADDOPTS")  # of this process, and of none that it starts
EXAMPLE = TESTS.parent / "plugins" / "example"

# No test depends on time: a busy machine is no fault of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def fresh_python(
    words: Iterable[object], folder: Path, *places: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """What a fresh interpreter does with the arguments `words`, in `folder`: it sees `places`, then bpframe."""
    kept = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}
    command = [sys.executable, "-P", "-W", "error", *map(str, words)]
    environment = kept | {"PYTHONPATH": os.pathsep.join(map(str, places))} | variables
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)


@dataclass(frozen=True)
class Site:
    """A directory of installed distributions that is not part of this process's environment."""

    path: Path

    def run(self, code: str, *further: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """What a fresh interpreter does with `code`: it sees `path`, then the `further` directories, then bpframe."""
        return fresh_python(["-c", code], self.path, self.path, *further, **variables)

    def out(self, code: str, *further: Path, **variables: str) -> str:
        """What `code` prints; it must end well."""
        done = self.run(code, *further, **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """tests/distributions/* and plugins/example, installed by pip into a directory of their own, without a network."""
    target = tmp_path_factory.mktemp("site")
    sources = [EXAMPLE, *sorted(path.parent for path in TESTS.glob("distributions/*/pyproject.toml"))]
    options = ["--quiet", "--no-index", "--no-build-isolation", "--no-deps", "--target", target]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", *options, *sources]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return Site(target)


@pytest.fixture
def foreign(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry of this process that sees the installed distributions; their modules are forgotten afterwards."""
    monkeypatch.delenv("BPFRAME_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(site.path)
    yield Registry()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(site.path)):
            del sys.modules[name]
