"""The maximum of a large array and a number is that of NumPy, bit by bit, in the array's own order."""

from __future__ import annotations

import numpy as np
import pytest

from bpframe.ops.host import HOST_NAMESPACE, MAX_CONSTANT


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("rows", [MAX_CONSTANT // 4 - 1, MAX_CONSTANT // 4 + 1, MAX_CONSTANT])
def test_a_large_maximum_is_that_of_numpy(dtype, order, rows):
    x = np.asarray(np.random.default_rng(0).normal(size=(rows, 4)), dtype, order)
    x[:3, 0] = -0.0, np.nan, -np.inf
    for y in (0, 0.25):
        result = HOST_NAMESPACE.maximum(x, y)
        assert result.flags.f_contiguous == x.flags.f_contiguous
        assert result.tobytes("A") == np.maximum(x, np.full_like(x, y)).tobytes("A")
    part = x[::2, ::2]
    np.testing.assert_array_equal(HOST_NAMESPACE.maximum(part, 0), np.maximum(part, 0))
