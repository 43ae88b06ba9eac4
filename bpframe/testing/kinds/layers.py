"""The laws of a layer.  x (B, *in_shape), dy like y; params and gradients are trees.

What a layer may say about itself: `coupled = True`, its rows depend on each other in evaluation, too; `stochastic =
True`, what it gives in training is drawn; `example_input(rng) -> x`, rows that it is made for.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe import tree
from bpframe.protocols import Fit, Refresh
from bpframe.protocols.traits import is_coupled, is_stochastic
from bpframe.random import HashKey
from bpframe.testing.kinds import layer_buffers
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import arrays_in, close, finite, require, same, scale, shaped
from bpframe.testing.laws.finite_differences import verify
from bpframe.testing.laws.layer_run import KEY, ROWS, Case
from bpframe.testing.laws.purity import deterministic, global_draws, untouched
from bpframe.testing.report import Check, Skipped
from bpframe.types import Shape

MODES = {"in training": True, "in evaluation": False}


def layer_checks(layer: Any, in_shape: Shape = (5,)) -> dict[str, Check]:
    """The checks by name."""
    case = Case.of(layer, in_shape)
    checks: dict[str, Check] = {
        "init": partial(_init, case),
        "gradient of x": partial(_gradient_of_x, case),
        "gradient of parameters": partial(_gradient_of_parameters, case),
        "linearity": partial(_linearity, case),
        "additivity": partial(_additivity, case),
        "need_dx": partial(_need_dx, case),
        "draws": partial(_draws, case),
        "few rows": partial(_few_rows, case),
        "dtype": lambda: precision.kept(case.both),
        "float32": lambda: precision.agreeing(case.both),
        "purity": partial(_untouched, case),
        "determinism": partial(deterministic(layer), partial(case.both, precision.DTYPES[1])),
        "extremes": partial(_extremes, case),
    }
    if isinstance(layer, Refresh):
        checks["refresh"] = partial(layer_buffers.refreshed, case)
    if isinstance(layer, Fit):
        checks["fit"] = partial(layer_buffers.fitted, case)
    return checks


def _init(case: Case) -> None:
    """Draws from its generator alone, and says the shape that forward gives."""
    drawn = global_draws()
    made, out = case.layer.init(np.random.default_rng(3), case.in_shape)
    again, _ = case.layer.init(np.random.default_rng(3), case.in_shape)
    require(global_draws() == drawn, "init draws from a global random generator; use the one that is given")
    same("parameters of a second init from the same generator", again, made)
    result = case.pass_(case.params, case.x())
    shaped("forward's output", result["y"], (ROWS, *out))
    names = {path for path, _ in tree.leaves(result["gradients"])}
    require(names == set(case.trained), f"backward must give gradients of {sorted(case.trained)}, got {sorted(names)}")


def _gradient_of_x(case: Case) -> None:
    if not case.smooth:
        raise Skipped("its rows hold whole numbers")
    for mode, training in MODES.items():
        verify(f"{mode}: dx", partial(case.problem_x, training))


def _gradient_of_parameters(case: Case) -> None:
    """Each trained parameter on its own."""
    if not case.trained:
        raise Skipped("it has no parameters to train")
    for path in case.trained:
        for mode, training in MODES.items():
            verify(f"{mode}: gradient of {'/'.join(path)}", partial(case.problem_of, path, training))


def _linearity(case: Case) -> None:
    """backward(2 dy1 - 3 dy2) = 2 backward(dy1) - 3 backward(dy2)."""
    x = case.x()
    a = case.dy(case.pass_(case.params, x)["y"])
    b = np.roll(a, 1)
    combined, first, second = (case.back(case.params, x, dy) for dy in (2 * a - 3 * b, a, b))
    for name, array in combined.items():
        want = 2 * first[name] - 3 * second[name]
        close(f"{name} of 2 dy1 - 3 dy2", array, want, 1e-9, 1e-10 * max(scale(first[name]), scale(second[name])))


def _additivity(case: Case) -> None:
    """In evaluation rows know nothing of each other: gradients of a batch are the sum of those of its parts."""
    if is_coupled(case.layer):
        raise Skipped("its rows are coupled")
    x = case.x(rows=6)
    dy = case.dy(case.pass_(case.params, x, training=False)["y"])
    whole, *parts = (
        case.pass_(case.params, x[rows], dy[rows], training=False)
        for rows in (slice(None), slice(0, 2), slice(2, None))
    )
    for name in ("y", "dx"):
        if whole[name] is not None:
            together = np.concatenate([part[name] for part in parts])
            close(f"{name} of a batch and of its parts", together, whole[name], 1e-9, 1e-10 * scale(whole[name]))
    sums = [dict(arrays_in(part["gradients"], "gradients")) for part in parts]
    for name, array in arrays_in(whole["gradients"], "gradients"):
        close(f"{name} of a batch and of its parts", sums[0][name] + sums[1][name], array, 1e-9, 1e-10 * scale(array))


def _need_dx(case: Case) -> None:
    """Without need_dx the gradients of parameters stay the same."""
    x = case.x()
    spared = case.pass_(case.params, x, need_dx=False)
    same("gradients without need_dx", spared["gradients"], case.pass_(case.params, x)["gradients"])


def _draws(case: Case) -> None:
    """Equal keys draw the same; other keys draw otherwise where it is stochastic, in training; nothing else draws."""
    stochastic = is_stochastic(case.layer)
    for mode, training in MODES.items():
        one, again, other = (
            case.pass_(case.params, case.x(), training=training, key=key) for key in (KEY, KEY, HashKey(3, 4))
        )
        same(f"{mode}: a second pass with the same key", again, one)
        if stochastic and training:
            unlike = np.asarray(other["y"]).tobytes() != np.asarray(one["y"]).tobytes()
            require(unlike, f"{mode}: another key must draw otherwise: it says that it is stochastic")
        else:
            hint = " (stochastic = True says that it draws)" if training else ""
            same(f"{mode}{hint}: a pass with another key", other, one)


def _few_rows(case: Case) -> None:
    """One row gives one row; in evaluation none gives none, and gradients of 0."""
    shape = np.shape(case.pass_(case.params, case.x())["y"])[1:]
    for rows, training in ((1, True), (1, False), (0, False)):
        x = case.x(rows=rows)
        made = case.pass_(case.params, x, training=training)
        shaped(f"y of {rows} rows", made["y"], (rows, *shape))
        if made["dx"] is not None:
            shaped(f"dx of {rows} rows", made["dx"], x.shape)
        finite(f"a pass of {rows} rows", made)
        for name, array in arrays_in(made["gradients"], "gradients"):
            require(rows or not np.any(array), f"{name} of no rows must be 0")


def _untouched(case: Case) -> None:
    """Neither way writes into what it is given, buffers included."""
    for training in MODES.values():
        _one_pass_untouched(case, training)


def _one_pass_untouched(case: Case, training: bool) -> None:
    context = layer_buffers.context(training)
    y, cache = untouched("forward", case.layer.forward, case.params, case.x(), context)
    untouched("backward", case.layer.backward, case.params, cache, case.dy(y), context)


def _extremes(case: Case) -> None:
    """Finite on rows of +-1e4."""
    if not case.smooth:
        raise Skipped("its rows hold whole numbers")
    for dtype in precision.DTYPES:
        x = (1e4 * np.sign(case.x())).astype(dtype)
        for mode, training in MODES.items():
            finite(f"{mode}: a pass at +-1e4", case.pass_(case.in_dtype(dtype), x, training=training))
