"""The laws of what layers learn of their inputs without gradients: running statistics, scales of the data.

Shapes: x (T, B, *in_shape) of T training steps, rows (N, *in_shape), y in evaluation like forward's output.

A layer with `refresh` or `fit` may have `golden()`, tuples of (arguments, x of each training step, rows, y of these
rows in evaluation after them), of a formula computed elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpframe import tree
from bpframe.errors import CheckFailed
from bpframe.protocols import Fit, Refresh
from bpframe.protocols.traits import is_stochastic
from bpframe.registry.nested import parts
from bpframe.testing.kinds.layer_buffers import step_context
from bpframe.testing.laws.comparison import max_abs, require_close
from bpframe.testing.laws.layer_run import LayerRun
from bpframe.testing.report import SkipCheck, Unproven
from bpframe.types import HostArray, Params

ROWS = 512  # of a batch: an unbiased variance is 1 / 511 larger than that of the batch
REFRESHES = 400
STILL = 1e-7  # a relative change by which buffers stand still
NEAR = 0.02
NO_GOLDEN = "it carries no golden() outputs, which alone could tell"


def require_statistics(run: LayerRun) -> None:
    """Buffers as in `golden()`; without it, those that one batch leads to make of it what training makes of it."""
    layer: Any = run.layer
    cases = list(layer.golden()) if hasattr(layer, "golden") else []
    for case in cases:
        _require_golden(type(layer), *case)
    if cases:
        return
    if isinstance(layer, Refresh) and not is_stochastic(layer):
        _require_fixed_point(run)
    if any(part.kind == "layer" for part in parts(layer)):
        raise SkipCheck("those of the layers that it holds are checked with these")
    what = "how fast its statistics follow, and which they are" if isinstance(layer, Refresh) else "what `fit` learns"
    raise Unproven(f"{NO_GOLDEN} {what}")


def _require_golden(cls: type, arguments: dict[str, Any], x: object, rows: object, y: object) -> None:
    layer, batches = cls(**arguments), np.asarray(x, dtype=np.float64)
    params, _ = layer.init(np.random.default_rng(0), batches.shape[2:])
    if isinstance(layer, Fit):
        params = layer.fit(params, batches.reshape(-1, *batches.shape[2:]))
    if isinstance(layer, Refresh):
        for batch in batches:
            params = _refreshed(layer, params, batch)
    got = np.asarray(layer.forward(params, np.asarray(rows, dtype=np.float64), step_context(False))[0])
    require_close(f"y in evaluation with {arguments}", got, y, 1e-9, 1e-9 * max_abs(np.asarray(y)))


def _require_fixed_point(run: LayerRun) -> None:
    """Once statistics stand still on one batch, evaluation of that batch is what training made of it."""
    x, params = run.x(rows=ROWS), run.params
    for _ in range(REFRESHES):
        after = _refreshed(run.layer, params, x)
        change, params = _change(params, after), after
        if change <= STILL:
            break
    else:
        return
    training, evaluation = (np.asarray(run.layer.forward(params, x, step_context(mode))[0]) for mode in (True, False))
    off = max_abs(training - evaluation) / max(max_abs(training), 1e-30)
    if off > NEAR:
        raise CheckFailed(
            f"after {REFRESHES} refreshes by one batch, evaluation of that batch must be near what training makes of "
            f"it, but they differ by {off:.2g} of the largest output: statistics of another scale"
        )


def _refreshed(layer: Any, params: Params, x: HostArray) -> Params:
    """The parameters after a training step on x that moves buffers alone."""
    after: Params = layer.refresh(params, layer.forward(params, x, step_context(True))[1])
    return after


def _change(before: Params, after: Params) -> float:
    """The largest change of a buffer, relative to its numbers."""
    leaves = dict(tree.leaves(after))
    pairs = [(np.asarray(leaf), np.asarray(leaves[path])) for path, leaf in tree.leaves(before)]
    return max((max_abs(new - old) / max(1.0, max_abs(new)) for old, new in pairs), default=0.0)
