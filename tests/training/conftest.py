"""Components that a program registers itself, forgotten after each test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

import bpframe as bp
from bpframe.registry import registry
from tests.training.problems import Backwards, Ball, FourthPower, Halve


@dataclass(frozen=True)
class SumOfErrors:
    """A metric: the sum of all signed errors."""

    of: ClassVar[str] = "predictions"
    best: ClassVar[str] = "min"

    def value(self, prediction: Any, target: Any, weight: Any) -> float:
        return float((prediction - target).sum())


@pytest.fixture
def named() -> Iterator[None]:
    """The components above, registered by the program itself, and forgotten again."""
    local, loaded = dict(registry._local), dict(registry._loaded)
    bp.register("gradient_step", "halve", Halve)
    bp.register("constraint", "ball", Ball)
    bp.register("sampler", "backwards", Backwards)
    bp.register("metric", "sum_of_errors", SumOfErrors)
    bp.register("loss", "fourth_power", FourthPower)
    yield
    registry._local, registry._loaded = local, loaded
