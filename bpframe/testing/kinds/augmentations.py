"""The laws of augmentations.  x (B, n) or as the example has it, target (B, C) one-hot, weight (B,) or None."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.engine.hyperparameters import Settings
from bpframe.protocols import Augmentation
from bpframe.random import HashKey
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import require, require_finite, require_same_bits, require_shape
from bpframe.testing.laws.purity import call_read_only, determinism_check
from bpframe.testing.laws.scheduled_settings import require_schedulable
from bpframe.testing.report import Check
from bpframe.types import HostArray

KEYS = [HashKey(1, number) for number in range(6)]
DOUBLE = precision.DTYPES[1]
ROWS, N, CLASSES = 6, 5, 3


def augmentation_checks(augmentation: Augmentation) -> dict[str, Check]:
    """The checks by name."""
    with_weights = partial(_result, augmentation)
    return {
        "shape": partial(_shapes, augmentation),
        "rows of weight 0": partial(_uncounted_rows, augmentation),
        "few rows": partial(_few_rows, augmentation),
        "dtype": lambda: precision.require_dtype_kept(with_weights),
        "float32": lambda: precision.require_float32_close(with_weights),
        "purity": partial(_purity, augmentation),
        "determinism": partial(determinism_check(augmentation), partial(with_weights, DOUBLE)),
        "schedules": partial(require_schedulable, augmentation, partial(_result, dtype=DOUBLE)),
    }


def augmentation_rows(augmentation: Augmentation, rows: int = ROWS) -> tuple[HostArray, HostArray, HostArray]:
    """(x, target, weight): its `example_input(rng)` or normal numbers, one-hot targets, weights above 0."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, N))
    if hasattr(augmentation, "example_input"):
        x = np.resize(np.asarray(augmentation.example_input(rng), np.float64), (rows, *_row(augmentation)))
    return x, np.eye(CLASSES)[np.arange(rows) % CLASSES], rng.uniform(0.5, 2.0, rows)


def _row(augmentation: Any) -> tuple[int, ...]:
    return tuple(np.shape(augmentation.example_input(np.random.default_rng(0)))[1:])


def _settings(augmentation: Augmentation, dtype: np.dtype[Any] = DOUBLE) -> Any:
    """Its settings at the first step."""
    return Settings(augmentation, dtype.type).at(0)


def _result(augmentation: Augmentation, dtype: np.dtype[Any], key: HashKey = KEYS[0]) -> list[Any]:
    x, target, weight = (array.astype(dtype) for array in augmentation_rows(augmentation))
    return list(augmentation.augment(x, target, weight, key, _settings(augmentation, dtype)))


def _shapes(augmentation: Augmentation) -> None:
    """As many rows of the same shapes, finite; weights are None or not below 0 where there were none."""
    x, target, weight = augmentation_rows(augmentation)
    for key in KEYS:
        for given in (weight, None):
            result = augmentation.augment(x, target, given, key, _settings(augmentation))
            require(isinstance(result, tuple) and len(result) == 3, "augment must give (x, target, weight)")
            for what, old, new in zip(("x", "target", "weight"), (x, target, weight), result, strict=True):
                if what == "weight" and given is None and new is None:
                    continue
                require_shape(f"augment, {what},", new, old.shape)
                require_finite(f"augment, {what}", new)
            require(result[2] is None or bool(np.all(np.asarray(result[2]) >= 0)), "weights must not be below 0")


def _uncounted_rows(augmentation: Augmentation) -> None:
    """Rows of weight 0 keep it, and what stands in them changes no other row."""
    x, target, weight = augmentation_rows(augmentation)
    weight[::2] = 0.0
    for key in KEYS:
        results = []
        for fill in (x[::2], 1e6):
            x, target = x.copy(), target.copy()
            x[::2], target[::2] = fill, 1.0 / CLASSES if fill is x else np.roll(np.eye(CLASSES)[0], 1)
            new = [np.asarray(part) for part in augmentation.augment(x, target, weight, key, _settings(augmentation))]
            require(bool(np.all(new[2][::2] == 0)), "rows of weight 0 must keep it")
            results.append([part[1::2] for part in new])
        require_same_bits("rows that count beside others in rows of weight 0", results[1], results[0])


def _few_rows(augmentation: Augmentation) -> None:
    """Batches of one row and of two."""
    for rows in (1, 2):
        x, target, weight = augmentation_rows(augmentation, rows)
        for given in (weight, None):
            new, *_ = augmentation.augment(x, target, given, KEYS[0], _settings(augmentation))
            require_shape(f"augment, x of {rows} rows,", new, x.shape)


def _purity(augmentation: Augmentation) -> None:
    x, target, weight = augmentation_rows(augmentation)
    h = _settings(augmentation)
    for given in (weight, None):
        call_read_only("augment", lambda x, y, w: augmentation.augment(x, y, w, KEYS[0], h), x, target, given)
