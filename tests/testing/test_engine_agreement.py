"""Agreement of engines about curves that have no value in every epoch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bpframe.errors import CheckFailed
from bpframe.testing.laws.engine_agreement import require_agreement


def trainings(**curves: list[float]) -> Any:
    """A function that gives the curve of the engine's name."""
    return lambda engine, dtype: SimpleNamespace(outcome={"train gradient_norm": np.array(curves[engine])})


def test_engines_agree_where_neither_has_measured_an_epoch():
    require_agreement("jax", trainings(jax=[1.0, np.nan, 3.0], numpy=[1.0, np.nan, 3.0]))


@pytest.mark.parametrize("curve", [[1.0, 2.0, 3.0], [1.0, np.nan, np.nan], [1.0, np.nan, 3.5], [1.0, np.nan]])
def test_engines_that_measured_other_epochs_or_other_values_do_not_agree(curve):
    with pytest.raises(CheckFailed, match="train gradient_norm on jax, compared with numpy"):
        require_agreement("jax", trainings(jax=curve, numpy=[1.0, np.nan, 3.0]))


def test_the_callbacks_that_measure_now_and_then_agree_on_the_engine_that_compiles():
    pytest.importorskip("jax")
    from bpframe.testing import check

    for name in ("norms", "monitor"):
        assert "jax" in check("callback", name, engines=["numpy", "jax"]).engines
