"""Class weights: balanced by what counts.  The sums are made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpframe.data.class_weight import apply_class_weight
from bpframe.data.task import Task
from bpframe.network.backprop import CostLayer
from bpframe.registry import build

LABELS = ["a", "a", "a", "b", "b", "c"]


def weights(class_weight: Any, sample_weight: Any = None) -> list[float]:
    """The weights that rows have in the loss, relative to the first."""
    loss: Any = build("loss", "softmax_cross_entropy")
    task = Task(loss, CostLayer.of(loss), "float64", (1,), 3, learns=True)
    data, task = task.admit(np.zeros((6, 1)), LABELS, sample_weight)
    weight: Any = apply_class_weight(data, task, class_weight).weight
    return (weight / weight[0]).tolist()


def test_without_sample_weights_each_class_weighs_the_same():
    assert weights("balanced") == pytest.approx([1, 1, 1, 3 / 2, 3 / 2, 3])


def test_balanced_classes_have_the_same_sum_of_weights_whatever_their_rows_weigh():
    own = np.array([1.0, 2.0, 3.0, 10.0, 2.0, 0.25])
    got = np.array(weights("balanced", own))
    assert got[:3].sum() == pytest.approx(got[3:5].sum()) == pytest.approx(got[5])
    np.testing.assert_allclose(got[:3] / got[0], own[:3])


def test_rows_of_weight_zero_do_not_count_for_the_balance():
    assert weights("balanced", [1, 0, 1, 1, 0, 1]) == pytest.approx([1, 0, 1, 2, 0, 2])


def test_a_class_of_weight_zero_does_not_occur():
    assert weights("balanced", [1, 1, 1, 1, 1, 0]) == pytest.approx([1, 1, 1, 3 / 2, 3 / 2, 0])


def test_a_mapping_multiplies_sample_weights():
    assert weights({"b": 4}, [1, 2, 1, 1, 2, 3]) == pytest.approx([1, 2, 1, 4, 8, 3])
