"""Plots without a window, every figure closed after its test."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def figures() -> Iterator[None]:
    """No test leaves a figure open."""
    yield
    from matplotlib import pyplot

    pyplot.close("all")
