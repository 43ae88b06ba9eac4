"""Ready rows are read-only, and their digest is that of the array, known for that array alone."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from bpframe.data import arrays
from bpframe.data.columns import NamedRows, in_order
from bpframe.data.digest import array_digest
from bpframe.data.ready_rows import ReadyRows

X = np.random.default_rng(0).normal(size=(50, 3))
NAMED = NamedRows(X, ("a", "b", "c"), ("float",) * 3)


def ready(dtype="float32"):
    return ReadyRows(arrays.inputs(NAMED, dtype))


def test_the_digest_is_that_of_the_array_and_of_no_other():
    rows = ready()
    assert rows.digest_of(rows.x) == array_digest(X.astype(np.float32))
    assert rows.digest_of(rows.x.copy()) is None


def test_they_cannot_be_changed_and_what_they_were_made_of_can():
    rows = ready("float64")
    with pytest.raises(ValueError, match="read-only"):
        rows.x[0, 0] = 1
    assert X.flags.writeable


def test_inputs_gives_them_for_their_dtype_and_the_columns_that_they_have():
    rows = NamedRows(X, NAMED.columns, NAMED.kinds, ready=ready())
    assert arrays.inputs(rows, "float32") is rows.ready.x
    assert arrays.inputs(rows, "float64").dtype == np.float64
    swapped = arrays.inputs(in_order(rows, ("c", "a", "b")), "float32")
    np.testing.assert_array_equal(swapped, X[:, [2, 0, 1]].astype(np.float32))
    np.testing.assert_array_equal(arrays.inputs(rows[3:7], "float32"), X[3:7].astype(np.float32))


def test_a_copy_in_another_process_makes_its_own_digest():
    rows = pickle.loads(pickle.dumps(ready()))
    assert rows.digest_of(rows.x) == array_digest(X.astype(np.float32))
