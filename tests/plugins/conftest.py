"""A parameter and gradients for element-wise rules."""

from __future__ import annotations

import pytest


@pytest.fixture
def p(rng):
    return rng.normal(size=6)


@pytest.fixture
def gradients(rng):
    g = rng.normal(size=(60, 6))
    g[7::9] = 0
    g[:3, 2] = 0
    return g
