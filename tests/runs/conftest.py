"""A run with components inside others, and its lock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bpframe.runs import config
from bpframe.runs.lock import lock
from tests.configs import config_text

TABLES = """\
[optimizer]
name = "ema"
inner = { name = "adam", lr = { name = "cosine", initial = 0.01 } }
[[groups]]
match = "*/bias"
optimizer = "sgd"
[[callbacks]]
name = "early_stopping"
monitor = "train.loss"
"""
CONFIG = config_text(TABLES, data="standardize = true\n")


@pytest.fixture
def run(tmp_path: Path) -> config.Config:
    """A run with components inside others, in groups and in lists."""
    path = tmp_path / "small.toml"
    path.write_text(CONFIG)
    return config.load(path)


@pytest.fixture
def held(run: config.Config) -> lock.Lock:
    """Its lock."""
    return lock.lock_tables(run)


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """A function that writes a config and gives its path."""

    def writer(text: str, name: str = "run.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return writer
