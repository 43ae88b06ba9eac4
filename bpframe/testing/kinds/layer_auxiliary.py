"""The laws of layers with an auxiliary loss.  x (B, *in_shape), value 0-d, slopes like x and like parameters."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe import tree
from bpframe.network.context import StepContext
from bpframe.protocols import Auxiliary
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import require, require_close, require_shape
from bpframe.testing.laws.finite_differences import GradientProblem, verify_gradient
from bpframe.testing.laws.layer_run import KEY, LayerRun
from bpframe.testing.laws.purity import call_read_only
from bpframe.types import HostArray, Params

TRAINING = StepContext(True, True, KEY)


def require_slopes(run: LayerRun) -> None:
    """One number in the dtype of x, from read-only arguments; its slopes are those of the number."""
    assert isinstance(run.layer, Auxiliary)
    for dtype in precision.DTYPES:
        params, x = run.in_dtype(dtype), run.x().astype(dtype)
        _, cache = run.layer.forward(params, x, TRAINING)
        call: Any = run.layer.auxiliary
        value, dx, gradients = call_read_only("auxiliary", lambda p, c, call=call: call(p, c, TRAINING), params, cache)
        require_shape("auxiliary's value", value, ())
        for name, array in {"value": value, "dx": dx, **tree.flatten(gradients)}.items():
            got = np.asarray(array).dtype
            require(array is None or got == dtype, f"auxiliary, {name}, must keep dtype {dtype}, got {got}")
    if run.smooth:
        verify_gradient("auxiliary, dx", partial(_problem_x, run))
    for path in run.trained_paths:
        verify_gradient(f"auxiliary, gradient of {'/'.join(path)}", partial(_problem_of, run, path))


def require_counted_rows(run: LayerRun) -> None:
    """Rows that do not count add nothing, to the value as to the slopes."""
    x = run.x(rows=6)
    counts = np.array([True, False] * 3)
    other = x.copy()
    other[~counts] = run.x(seed=1, rows=6)[~counts]
    context = TRAINING.masked(counts)
    (value, dx, gradients), (again, _, more) = (_auxiliary(run, run.params, rows, context) for rows in (x, other))
    require_close("auxiliary's value", np.asarray(again), np.asarray(value), 1e-12)
    for path, g in tree.leaves(gradients):
        require_close(f"auxiliary, gradient of {'/'.join(path)}", tree.at(more, path), g, 1e-9, 1e-12)
    require(dx is None or not np.any(np.asarray(dx)[~counts]), "auxiliary: dx must be 0 in rows that do not count")


def _auxiliary(run: LayerRun, params: Params, x: HostArray, context: StepContext = TRAINING) -> Any:
    return run.layer.auxiliary(params, run.layer.forward(params, x, context)[1], context)  # type: ignore[attr-defined]


def _problem_x(run: LayerRun, seed: int) -> GradientProblem:
    def slope(x: HostArray) -> Any:
        dx = _auxiliary(run, run.params, x)[1]
        return np.zeros_like(x) if dx is None else dx

    return GradientProblem(lambda x: _auxiliary(run, run.params, x)[0], slope, run.x(seed))


def _problem_of(run: LayerRun, path: tuple[str, ...], seed: int) -> GradientProblem:
    x = run.x(seed)

    def of(p: HostArray) -> Any:
        params = tree.transform(run.params, lambda leaf: leaf)
        tree.assign(params, path, p)
        return _auxiliary(run, params, x)

    def slope(p: HostArray) -> Any:
        return dict(tree.leaves(of(p)[2])).get(path, np.zeros_like(p))

    return GradientProblem(lambda p: of(p)[0], slope, np.array(tree.at(run.params, path)))
