"""A choice between numbers and 0 is that of NumPy, bit by bit, traced and not, whatever the numbers are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpframe.ops import host
from bpframe.ops.host import HOST_NAMESPACE, MIN_CHOICE

RNG = np.random.default_rng(0)
CONDITION = RNG.random((64, MIN_CHOICE // 64)) < 0.5


def drawn(dtype: Any) -> Any:
    """Numbers, with those whose products with 0 are not 0 on both sides of the choice."""
    x = RNG.normal(size=CONDITION.shape).astype(dtype)
    x[:4] = np.asarray([np.nan, np.inf, -np.inf, -0.0], dtype)[:, None]
    return x


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
@pytest.mark.parametrize("zero", [0, 0.0, -0.0, 1.0])
def test_a_large_choice_is_that_of_numpy_bit_by_bit(dtype, zero):
    x = drawn(dtype)
    for arguments in ((x, zero), (zero, x)):
        found, want = HOST_NAMESPACE.where(CONDITION, *arguments), np.where(CONDITION, *arguments)
        assert found.dtype == want.dtype
        np.testing.assert_array_equal(np.signbit(found), np.signbit(want))
        np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("others", [(CONDITION[:1], 0.0), (CONDITION.astype(int), 0.0), (CONDITION.T.copy().T, 0.0)])
def test_other_conditions_are_left_to_numpy(others, monkeypatch):
    monkeypatch.delattr(host, "_kept")
    x, (condition, zero) = drawn("float32"), others
    np.testing.assert_array_equal(HOST_NAMESPACE.where(condition, x, zero), np.where(condition, x, zero))
