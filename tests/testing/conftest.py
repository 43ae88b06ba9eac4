"""A registry that a test may change."""

from __future__ import annotations

import pytest

from bpframe.registry import registry


@pytest.fixture
def registered(monkeypatch):
    """A function that registers components for one test."""
    monkeypatch.setattr(registry, "_local", dict(registry._local))
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    return registry.register
