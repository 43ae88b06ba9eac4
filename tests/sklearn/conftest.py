"""Fixtures of the tests of estimators."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
from sklearn.exceptions import ConvergenceWarning


@pytest.fixture
def quiet() -> Iterator[None]:
    """The fits are short on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
