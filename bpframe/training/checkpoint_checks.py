"""Checks of what a checkpoint holds, all made before a trainer takes anything of it over.

Each raises ValueError, which says what is wrong with the file.
Shapes: k steps of an epoch, values (3, k), sums (K, k), collected (rows, C).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from bpframe.protocols import CheckMemory
from bpframe.training.history import History
from bpframe.training.progress import PartialEpoch
from bpframe.types import HostArray, Shape

LARGEST = 2**53  # of a count: beyond it JSON readers and floats lose the last digit
Tensors = Mapping[str, HostArray]


def check_count(name: str, value: object, least: int = 0) -> None:
    """A whole number, no truth value, from `least` on."""
    if type(value) is not int or not least <= value < LARGEST:
        raise ValueError(f"{name} needs a whole number from {least} on, got {value!r}")


def check_history(history: History) -> None:
    """Curves of numbers, and of each epoch one rate, step and time."""
    epochs = len(history.step) if isinstance(history.step, list) else -1
    for name in ("lr", "step", "seconds"):
        values = getattr(history, name)
        if not isinstance(values, list) or len(values) != epochs:
            raise ValueError(f"history.{name} needs a list of one value an epoch, got {values!r:.60}")
    for step in history.step:
        check_count("history.step", step)
    _check_numbers("history.lr", [rate for rate in history.lr if rate is not None])
    _check_numbers("history.seconds", history.seconds)
    _check_notes("history.data", history.data, "a digest")
    _check_notes("history.notes", history.notes, "a sentence")
    _check_idle(history.idle, history.averaged)
    for kind in ("train", "validation"):
        curves = getattr(history, kind)
        if not isinstance(curves, dict):
            raise ValueError(f"history.{kind} needs curves by name, got {curves!r:.60}")
        for name, curve in curves.items():
            _check_numbers(f"history.{kind}.{name}", curve)
            if len(curve) > epochs:
                raise ValueError(f"history.{kind}.{name} needs {epochs} values at most, got {len(curve)}")


def _check_notes(name: str, notes: object, what: str) -> None:
    known = notes if isinstance(notes, list) else [None]
    if not all(isinstance(n, list | tuple) and len(n) == 2 and type(n[0]) is int and type(n[1]) is str for n in known):
        raise ValueError(f"{name} needs pairs of an epoch and {what}, got {notes!r:.60}")


def _check_idle(idle: object, averaged: object) -> None:
    if not isinstance(idle, dict) or not idle.keys() <= {"train", "validation"} or not isinstance(averaged, str):
        raise ValueError(f"history.idle needs epochs of train and validation, got {idle!r:.60} and {averaged!r:.60}")
    for part, epochs in idle.items():
        _check_numbers(f"history.idle.{part}", epochs)


def _check_numbers(name: str, values: object) -> None:
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise ValueError(f"{name} needs a list of numbers, got {values!r:.60}")


def check_fit(settings: Any, partial: PartialEpoch, done: tuple[int, int], collects: bool, row: Shape) -> None:
    """An interrupted fit that can go on.

    `done`: steps and epochs so far; `collects`: whether scores of training are kept, of the shape `row` each.
    """
    for each in fields(settings):
        value = getattr(settings, each.name)
        if each.type == "int":
            check_count(f"fit.{each.name}", value, least=1)
        elif each.type == "bool" and type(value) is not bool:
            raise ValueError(f"fit.{each.name} needs true or false, got {value!r}")
    if settings.first is not None:
        check_count("fit.first", settings.first)
    if (settings.first or 0) > done[1]:
        raise ValueError(f"fit.first needs an epoch of the {done[1]} that are made, got {settings.first}")
    if settings.steps < done[0] or settings.epochs < done[1]:
        raise ValueError(f"fit needs to end after the {done[0]} steps and {done[1]} epochs that are made")
    _check_values(partial, done[0])
    if not isinstance(partial.stopped, str | None):
        raise ValueError(f"fit.stopped needs a reason, got {partial.stopped!r}")
    steps = partial.values.shape[1]
    if partial.collected is not None:
        _check_collected(partial.collected, steps * settings.batch_size, settings.batch_size, row)
    elif partial.sums is not None:
        _check_sums(partial.sums, steps, collects)
    elif collects and steps:
        raise ValueError("fit needs the scores of the epoch's rows so far, which are missing")


def _check_values(partial: PartialEpoch, step: int) -> None:
    values, last = partial.values, partial.last_finite
    if values.ndim != 2 or len(values) < 3 or values.dtype != np.float64 or values.shape[1] > step:
        raise ValueError(f"fit/values needs float64 (3, k) for k of {step} steps, got {values.dtype} {values.shape}")
    if not np.isfinite(values[:3]).all() or (values[2] < 0).any():
        raise ValueError("fit/values needs finite losses and penalties, and weights that are not negative")
    if last is not None and (type(last) is not float or not math.isfinite(last)):
        raise ValueError(f"fit.finite needs a finite loss, got {last!r}")


def _check_collected(scores: HostArray, most: int, batch: int, row: Shape) -> None:
    fits = scores.ndim > 1 and scores.shape[1:] == row and scores.dtype.kind == "f"
    if not fits or not max(0, most - batch) <= len(scores) <= most:
        raise ValueError(f"fit/collected needs scores ({most} rows of {row}), got {scores.dtype} {scores.shape}")


def _check_sums(sums: HostArray, steps: int, metrics: bool) -> None:
    if not metrics:
        raise ValueError("fit/sums are those of metrics, of which the trainer has none")
    if sums.ndim != 2 or sums.dtype != np.float64 or sums.shape[1] != steps:
        raise ValueError(f"fit/sums needs float64 (K, {steps}), got {sums.dtype} {sums.shape}")


def check_memories(callbacks: Sequence[object], memories: Sequence[object], parameters: Tensors) -> None:
    """Of each callback a mapping, which the callback itself may look at."""
    for callback, memory in zip(callbacks, memories, strict=True):
        if not isinstance(memory, dict):
            raise ValueError(f"the memory of {type(callback).__name__} needs to be a mapping, got {memory!r:.60}")
        if memory and isinstance(callback, CheckMemory):
            callback.check_memory(memory, parameters)


def check_snapshot(needed: Tensors, given: Tensors) -> None:
    """Arrays that fit those of a new session: the same parameters, alike in shape and dtype, and without NaN.

    Numbers without axes may have another width. Where they stand for several elements, and what a session begins to
    keep later, is for its engine to check.
    """
    if extra := [name for name in given if name.startswith("parameters/") and name not in needed]:
        raise ValueError(f"{extra[0]} is no parameter of the network")
    for name, array in needed.items():
        if name not in given:
            raise ValueError(f"{name} needs shape {array.shape}, and is missing")
        other, free = given[name], name.startswith("memory/") and array.ndim == 0
        if (other.shape != array.shape and not free) or (other.dtype.kind if free else other.dtype) != (
            array.dtype.kind if free else array.dtype
        ):
            raise ValueError(f"{name} needs {array.dtype} {array.shape}, got {other.dtype} {other.shape}")
        _check_finite(name, array, other)


def _check_finite(name: str, array: HostArray, other: HostArray) -> None:
    """No NaN where a new session has none, and no infinite parameter."""
    if other.dtype.kind != "f" or np.isnan(array).any():
        return
    trained = name.startswith("parameters/") and "/buffers/" not in name
    if not (np.isfinite(other) if trained else ~np.isnan(other)).all():
        raise ValueError(f"{name} needs numbers that are {'finite' if trained else 'not NaN'}")
