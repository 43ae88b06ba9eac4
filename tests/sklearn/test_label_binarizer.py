"""The binarizer of a classifier is as scikit-learn's fit leaves it, though some of its checks are left out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.preprocessing import LabelBinarizer

from bpframe.sklearn.classifier import _fitted_binarizer

LABELS = {
    "whole numbers": np.arange(30) % 3 - 1,
    "two": np.arange(30) % 2,
    "one": np.zeros(30, dtype=np.int8),
    "truth values": np.arange(30) % 2 == 0,
    "unsigned": (np.arange(30) % 4).astype(np.uint8),
    "floats": (np.arange(30) % 3).astype(float),
    "words": np.array(["a", "b", "c"] * 10),
    "as many as rows": np.arange(30),
    "columns": np.eye(3, dtype=int)[np.arange(30) % 3],
}


@pytest.mark.parametrize("labels", LABELS)
def test_a_fitted_binarizer_has_the_attributes_that_scikit_learn_gives_it(labels):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        wanted = vars(LabelBinarizer().fit(LABELS[labels]))
    with warnings.catch_warnings(record=True) as again:
        warnings.simplefilter("always")
        found = vars(_fitted_binarizer(LABELS[labels]))
    assert [str(one.message) for one in again] == [str(one.message) for one in told]
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name, strict=isinstance(value, np.ndarray))
