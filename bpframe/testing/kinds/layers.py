"""The laws of layers.  x (B, *in_shape), dy like y; params and gradients are trees.

A layer may declare `coupled = True`: its rows depend on each other in evaluation, too; `stochastic = True`: its output
in training is random; `training_only = True`: in evaluation its outputs are its inputs; `example_input(rng) -> x`:
rows of its domain, or a mapping of several inputs by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from bpframe import tree
from bpframe.protocols import Auxiliary, BlockFit, CheckInputs, DataStart, Fit, Layer, Refresh, Statistics
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import acts_in_training_only, is_coupled, is_stochastic
from bpframe.random import HashKey
from bpframe.testing.kinds import layer_auxiliary, layer_buffers
from bpframe.testing.kinds.layer_statistics import require_statistics
from bpframe.testing.kinds.ranges import range_checks
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import (
    arrays_in,
    max_abs,
    require,
    require_close,
    require_finite,
    require_same_bits,
    require_shape,
)
from bpframe.testing.laws.finite_differences import verify_gradient
from bpframe.testing.laws.layer_run import KEY, ROWS, LayerRun
from bpframe.testing.laws.purity import call_read_only, determinism_check, global_random_state
from bpframe.testing.report import Check, SkipCheck
from bpframe.types import Shape

MODES = {"in training": True, "in evaluation": False}


def layer_checks(layer: Layer, in_shape: Shape | Mapping[str, Shape] = (5,)) -> dict[str, Check]:
    """The checks by name."""
    run = LayerRun.of(layer, in_shape)
    checks: dict[str, Check] = {
        "init": partial(_init, run),
        "gradient of x": partial(_gradient_of_x, run),
        "gradient of parameters": partial(_gradient_of_parameters, run),
        "linearity": partial(_linearity, run),
        "additivity": partial(_additivity, run),
        "need_dx": partial(_need_dx, run),
        "draws": partial(_draws, run),
        "few rows": partial(_few_rows, run),
        "dtype": lambda: precision.require_dtype_kept(run.in_both_modes),
        "float32": lambda: precision.require_float32_close(run.in_both_modes),
        "purity": partial(_purity, run),
        "determinism": partial(determinism_check(layer), partial(run.in_both_modes, precision.DTYPES[1])),
        "extremes": partial(_extremes, run),
        **range_checks(layer, lambda: run.forward_backward(run.params, run.x())["y"]),
    }
    if acts_in_training_only(layer):
        checks["evaluation"] = partial(_evaluation, run)
    if isinstance(layer, Auxiliary):
        checks["auxiliary"] = partial(layer_auxiliary.require_slopes, run)
        checks["auxiliary, rows that do not count"] = partial(layer_auxiliary.require_counted_rows, run)
    if isinstance(layer, Refresh):
        checks["refresh"] = partial(layer_buffers.require_refresh, run)
    if isinstance(layer, Statistics) and not is_stochastic(layer):
        checks["statistics of a batch"] = partial(layer_buffers.require_batch_statistics, run)
    if implements(layer, DataStart):
        checks["start"] = partial(_start, run)
    if isinstance(layer, CheckInputs):
        checks["checked inputs"] = partial(_checked_inputs, run)
    if isinstance(layer, Fit):
        checks["fit"] = partial(layer_buffers.require_fit, run)
    if isinstance(layer, BlockFit):
        checks["fit by blocks"] = partial(layer_buffers.require_block_fit, run)
    if isinstance(layer, Fit | Refresh):
        checks["buffers"] = partial(require_statistics, run)
    return checks


def _init(run: LayerRun) -> None:
    """Draws only from its generator, and returns the shape of forward's output."""
    drawn = global_random_state()
    result, out = run.layer.init(np.random.default_rng(3), run.in_shape)
    again, _ = run.layer.init(np.random.default_rng(3), run.in_shape)
    require(global_random_state() == drawn, "init draws from a global random generator; use the one that is given")
    require_same_bits("parameters of a second init from the same generator", again, result)
    result = run.forward_backward(run.params, run.x())
    require_shape("forward's output", result["y"], (ROWS, *out))
    names = {path for path, _ in tree.leaves(result["gradients"])}
    require(
        names == set(run.trained_paths),
        f"backward must give gradients of {sorted(run.trained_paths)}, got {sorted(names)}",
    )


def _start(run: LayerRun) -> None:
    """Parameters of the same names and shapes, the same each time, and finite; its arguments stay as they are."""
    layer: Any = run.layer
    started = call_read_only("start", layer.start, run.params, run.x())
    shapes = [{path: np.shape(leaf) for path, leaf in tree.leaves(params)} for params in (started, run.params)]
    require(shapes[0] == shapes[1], f"start must keep names and shapes {shapes[1]}, got {shapes[0]}")
    require_finite("parameters that start from data", started)
    require_same_bits("parameters of a second start", layer.start(run.params, run.x()), started)


def _gradient_of_x(run: LayerRun) -> None:
    if not run.smooth:
        raise SkipCheck("its rows hold whole numbers")
    for mode, training in MODES.items():
        verify_gradient(f"{mode}: dx", partial(run.problem_x, training))


def _gradient_of_parameters(run: LayerRun) -> None:
    """The gradient of each trained parameter."""
    if not run.trained_paths:
        raise SkipCheck("it has no parameters to train")
    for path in run.trained_paths:
        for mode, training in MODES.items():
            verify_gradient(f"{mode}: gradient of {'/'.join(path)}", partial(run.problem_of, path, training))


def _linearity(run: LayerRun) -> None:
    """backward(2 dy1 - 3 dy2) = 2 backward(dy1) - 3 backward(dy2)."""
    x = run.x()
    a = run.dy(run.forward_backward(run.params, x)["y"])
    b = np.roll(a, 1)
    combined, first, second = (run.backward_arrays(run.params, x, dy) for dy in (2 * a - 3 * b, a, b))
    for name, array in combined.items():
        want = 2 * first[name] - 3 * second[name]
        require_close(
            f"{name} of 2 dy1 - 3 dy2", array, want, 1e-9, 1e-10 * max(max_abs(first[name]), max_abs(second[name]))
        )


def _additivity(run: LayerRun) -> None:
    """In evaluation rows are independent: gradients of a batch are the sum of those of its parts."""
    if is_coupled(run.layer):
        raise SkipCheck("its rows are coupled")
    x = run.x(rows=6)
    dy = run.dy(run.forward_backward(run.params, x, training=False)["y"])
    whole, *parts = (
        run.forward_backward(run.params, x[rows], dy[rows], training=False)
        for rows in (slice(None), slice(0, 2), slice(2, None))
    )
    for name in ("y", "dx"):
        if whole[name] is not None:
            together = np.concatenate([part[name] for part in parts])
            require_close(
                f"{name} of a batch and of its parts", together, whole[name], 1e-9, 1e-10 * max_abs(whole[name])
            )
    sums = [dict(arrays_in(part["gradients"], "gradients")) for part in parts]
    for name, array in arrays_in(whole["gradients"], "gradients"):
        require_close(
            f"{name} of a batch and of its parts", sums[0][name] + sums[1][name], array, 1e-9, 1e-10 * max_abs(array)
        )


def _need_dx(run: LayerRun) -> None:
    """Without need_dx the gradients of parameters stay the same."""
    x = run.x()
    spared = run.forward_backward(run.params, x, need_dx=False)
    require_same_bits(
        "gradients without need_dx", spared["gradients"], run.forward_backward(run.params, x)["gradients"]
    )


def _checked_inputs(run: LayerRun) -> None:
    """Rows of its domain pass, and those that it hands on are what forward gives."""
    layer = run.layer
    assert isinstance(layer, CheckInputs)
    x = run.x()
    rows = call_read_only("check_inputs", layer.check_inputs, x)
    if rows is not None:
        require_same_bits("the rows that check_inputs hands on", rows, run.forward_backward(run.params, x)["y"])


def _draws(run: LayerRun) -> None:
    """Equal keys give equal draws; other keys give others if it is stochastic, in training; nothing else is random."""
    stochastic = is_stochastic(run.layer)
    for mode, training in MODES.items():
        one, again, other = (
            run.forward_backward(run.params, run.x(), training=training, key=key) for key in (KEY, KEY, HashKey(3, 4))
        )
        require_same_bits(f"{mode}: a second pass with the same key", again, one)
        if stochastic and training:
            unlike = np.asarray(other["y"]).tobytes() != np.asarray(one["y"]).tobytes()
            require(unlike, f"{mode}: another key must draw otherwise: it says that it is stochastic")
        else:
            hint = " (stochastic = True says that it draws)" if training else ""
            require_same_bits(f"{mode}{hint}: a pass with another key", other, one)


def _evaluation(run: LayerRun) -> None:
    """A layer that acts in training only hands on its rows in evaluation."""
    x = run.x()
    require_same_bits(
        "in evaluation: y (training_only = True)", run.forward_backward(run.params, x, training=False)["y"], x
    )


def _few_rows(run: LayerRun) -> None:
    """One row gives one row; in evaluation no rows give no rows, and gradients of 0, unless rows are coupled."""
    shape = np.shape(run.forward_backward(run.params, run.x())["y"])[1:]
    none = [] if is_coupled(run.layer) else [(0, False)]
    for rows, training in [(1, True), (1, False), *none]:
        x = run.x(rows=rows)
        result = run.forward_backward(run.params, x, training=training)
        require_shape(f"y of {rows} rows", result["y"], (rows, *shape))
        if result["dx"] is not None:
            require_shape(f"dx of {rows} rows", result["dx"], x.shape)
        require_finite(f"a pass of {rows} rows", result)
        for name, array in arrays_in(result["gradients"], "gradients"):
            require(rows or not np.any(array), f"{name} of no rows must be 0")


def _purity(run: LayerRun) -> None:
    """Neither forward nor backward writes into its arguments, buffers included."""
    for training in MODES.values():
        _pass_purity(run, training)


def _pass_purity(run: LayerRun, training: bool) -> None:
    context = layer_buffers.step_context(training)
    y, cache = call_read_only("forward", run.layer.forward, run.params, run.x(), context)
    call_read_only("backward", run.layer.backward, run.params, cache, run.dy(y), context)


def _extremes(run: LayerRun) -> None:
    """Finite on rows of +-1e4."""
    if not run.smooth:
        raise SkipCheck("its rows hold whole numbers")
    for dtype in precision.DTYPES:
        x = (1e4 * np.sign(run.x())).astype(dtype)
        for mode, training in MODES.items():
            require_finite(f"{mode}: a pass at +-1e4", run.forward_backward(run.in_dtype(dtype), x, training=training))
