"""Slicing of parameters: optimizers give the same bits for a vector cut into arrays, and take any shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpframe.engine import optimizer_chain
from bpframe.protocols import Optimizer
from bpframe.testing.laws.comparison import max_abs, require_close, require_finite, require_same_bits, require_shape
from bpframe.testing.laws.trajectory import Trajectory, numbers, param_of
from bpframe.testing.report import SkipCheck
from bpframe.types import HostArray, Shape

SHAPES: tuple[Shape, ...] = ((4, 3), (3, 4), (5,), (1, 1), (1,))
DOUBLE = np.dtype(np.float64)


def require_slice_invariance(rule: Optimizer) -> None:
    """A vector and a list of slices of it give the same bits for the same totals; a slice may be empty."""
    if rule.scope != "element":
        raise SkipCheck("its scope is a whole parameter")
    p, gradients = numbers((12,), DOUBLE)
    whole = Trajectory(rule, [p])
    path = whole.follow([g] for g in gradients)

    def cut(vector: HostArray) -> list[HostArray]:
        return [vector[:1], vector[1:4], vector[4:4], vector[4:].reshape(2, 4)]

    parts = Trajectory(rule, cut(p), given=whole.sums)
    pieces = parts.follow(cut(g) for g in gradients)
    joined = [np.concatenate([piece.reshape(-1) for piece in step]) for step in pieces]
    require_same_bits("parameters of a vector cut into arrays", joined, [step[0] for step in path])
    free = Trajectory(rule, cut(p))
    free.follow([cut(gradients[0])])
    for own, wanted in zip(free.sums[0], whole.sums[0], strict=True):
        for name, total in wanted.items():
            require_close(f"the sum {name} over arrays", own[name], total, 1e-12, 1e-12 * max_abs(total))


def require_any_shape(optimizer: Any) -> None:
    """Parameters of any shape keep it and stay finite."""
    for shape in SHAPES:
        rule = optimizer_chain.rule_for(optimizer, param_of(shape))
        p, gradients = numbers(shape, DOUBLE, 3)
        course = Trajectory(rule, [p], param=param_of(shape))
        for pieces in course.follow([g] for g in gradients):
            require_shape(f"p of shape {shape}", pieces[0], shape)
            require_finite(f"p of shape {shape}", pieces)
