"""Augmentations along axes of space: what of a row, or of another, stands where, and how often."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, ShapeError
from bpframe.random import HashKey
from bpframe.testing import check_augmentation

A = bp.augmentations
KEY = HashKey(3, 4)
RNG = np.random.default_rng(0)


def applied(part: Any, x: Any, target: Any = None, weight: Any = None, key: HashKey = KEY) -> Any:
    target = np.eye(len(x)) if target is None else target
    return part.augment(x, target, weight, key, SimpleNamespace(**vars(part)))


@pytest.mark.parametrize(
    "part",
    [A.cutmix(shape=[2, 3, 2]), A.crop(0.5, shape=[6, 2]), A.time_shift(5), A.time_shift(3, wrap=True)],
    ids=repr,
)
def test_an_augmentation_keeps_the_laws_of_its_kind(part):
    assert not check_augmentation(part).failed


# ----------------------------------------------------------------------------------------------------------- cutmix


def test_a_box_is_of_another_row_and_the_target_mixed_by_its_part():
    x = np.broadcast_to(np.arange(1.0, 7)[:, None, None, None], (6, 8, 10, 3)).copy()
    parts = []
    for number in range(40):
        new, target, weight = applied(A.cutmix(), x, key=KEY.child(number))
        assert weight is None
        for i, (row, mixture) in enumerate(zip(new, target, strict=True)):
            other = (row != i + 1)[:, :, 0]
            assert (row == row[:, :, :1]).all()
            assert other.sum() == other.any(axis=1).sum() * other.any(axis=0).sum()  # a box
            assert mixture[i] == pytest.approx(1 - other.mean())
            if other.any():
                j = int(row[other][0, 0]) - 1
                assert (row[other] == j + 1).all()
                assert mixture[j] == pytest.approx(other.mean())
                parts.append(other.mean())
    assert 0.1 < np.mean(parts) < 0.3  # uniform up to a half, less what lies outside
    assert max(parts) <= 0.55


def test_weights_and_targets_of_a_box_are_those_of_mixup_and_rows_without_weight_stay():
    x, weight = RNG.normal(size=(6, 5, 5, 2)), np.array([1.0, 2.0, 0.0, 1.5, 0.0, 3.0])
    new, target, weights = applied(A.cutmix(3.0), x, np.eye(6), weight)
    for i in range(6):
        part = float((new[i] != x[i]).any(axis=-1).mean())
        j = int(np.argmax(np.where(np.arange(6) == i, 0, target[i])))
        want = weight[i] if part == 0 else (1 - part) * weight[i] + part * weight[j]
        assert weights[i] == pytest.approx(want)
        if part:
            assert target[i, j] == pytest.approx(part * weight[j] / want)
    assert np.array_equal(new[[2, 4]], x[[2, 4]])


def test_a_box_needs_an_answer_a_row_and_axes_of_space():
    with pytest.raises(ShapeError, match="cutmix needs an answer a row"):
        applied(A.cutmix(), np.ones((3, 4, 4, 1)), np.ones((3, 4, 2)))
    with pytest.raises(ShapeError, match="cutmix needs rows with axes of space"):
        applied(A.cutmix(), np.ones((3, 4)))


# ------------------------------------------------------------------------------------------------------------- crop


def test_a_crop_of_a_slope_is_a_slope_whose_part_and_place_are_in_range():
    n = 20
    x = np.tile(np.arange(float(n))[:, None], (500, 1, 1))
    new = applied(A.crop(0.5), x)[0][:, :, 0]
    inner = new[:, 2:-2]
    steps = np.diff(inner, axis=1)
    np.testing.assert_allclose(steps, np.tile(steps[:, :1], steps.shape[1]), atol=1e-9)
    scale = steps[:, 0]
    assert (scale.min() >= 0.5, scale.max() <= 1) == (True, True)
    assert scale.mean() == pytest.approx(0.75, abs=0.02)
    start = inner[:, 0] - scale * 2.5 + 0.5
    assert (start >= -1e-9).all()
    assert (start <= n * (1 - scale) + 1e-9).all()


def test_a_crop_of_an_image_is_the_products_of_both_axes_by_its_definition():
    x = RNG.normal(size=(3, 4, 6, 2))
    new = applied(A.crop(0.6), x)[0]
    scale = 0.6 + 0.4 * KEY.child("scale").uniform(np.zeros(3))
    starts = [KEY.child(f"start{axis}").uniform(np.zeros(3)) * x.shape[axis] * (1 - scale) for axis in (1, 2)]
    for i, row in enumerate(x):
        for k in range(4):
            for m in range(6):
                at = [
                    min(max(start[i] + scale[i] * (cell + 0.5) - 0.5, 0), n - 1)
                    for start, cell, n in zip(starts, (k, m), (4, 6), strict=True)
                ]
                low = [min(int(a), n - 2) for a, n in zip(at, (4, 6), strict=True)]
                p, q = (a - b for a, b in zip(at, low, strict=True))
                corners = row[low[0] : low[0] + 2, low[1] : low[1] + 2]
                want = np.einsum("a,b,abc->c", [1 - p, p], [1 - q, q], corners)
                np.testing.assert_allclose(new[i, k, m], want, rtol=1e-9, atol=1e-12)


# ------------------------------------------------------------------------------------------------------- time shift


@pytest.mark.parametrize("steps", [1, 4, 30])
def test_sequences_move_by_every_number_of_steps_alike_often(steps):
    x = np.zeros((4000, 9, 2))
    x[:, 4] = [1.0, 2.0]
    new = applied(A.time_shift(steps), x)[0]
    inside = new[:, :, 0].sum(axis=1) == 1
    moves = new[:, :, 0].argmax(axis=1)[inside] - 4
    near = min(steps, 4)
    counts = np.bincount(moves + near, minlength=2 * near + 1)
    np.testing.assert_allclose(counts / 4000, 1 / (2 * steps + 1), atol=0.03)
    np.testing.assert_array_equal(new[inside].sum(axis=1), np.tile([1.0, 2.0], (inside.sum(), 1)))
    assert not new[~inside].any()


def test_what_goes_out_comes_in_at_the_other_end_where_it_wraps():
    x = np.tile(np.arange(5.0), (60, 1))
    new = applied(A.time_shift(2, wrap=True), x)[0]
    assert {tuple(row) for row in new} == {tuple(np.roll(np.arange(5.0), s)) for s in range(-2, 3)}


@pytest.mark.parametrize("name", ["crop", "cutmix", "flip", "shift", "time_shift"])
def test_positions_are_not_moved_without_their_targets(name):
    with pytest.raises(ShapeError, match=f"{name} needs an answer a row, got targets at positions"):
        applied(A[name](), np.ones((3, 4, 1)), np.ones((3, 4, 2)))


def test_settings_are_checked():
    for name, settings in (("crop", {"least": 1.5}), ("cutmix", {"alpha": -1.0}), ("time_shift", {"steps": 0})):
        with pytest.raises(ConfigError):
            A[name](**settings)
