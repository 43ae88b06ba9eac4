"""A folder with a small config to run commands in."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpframe.registry import registry
from bpframe.registry.plugin_files import _FINDER
from tests.cli.commands import ON_ROWS, SMALL, write_random_rows


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in a folder of its own, which holds small.toml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BPFRAME_PLUGINS", raising=False)
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path


@pytest.fixture
def rows(folder: Path) -> Path:
    """The folder with run.toml and its data besides."""
    (folder / "run.toml").write_text(ON_ROWS)
    write_random_rows(folder)
    return folder


@pytest.fixture(autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder for caches: one of the test."""
    home = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def no_plugin_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the plugin files of another: commands say which files their process was given."""
    monkeypatch.setattr(_FINDER, "files", {})
    monkeypatch.setattr(registry, "_local", dict(registry._local))
