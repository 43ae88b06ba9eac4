"""The laws of losses.  scores (B, C), target (B, C) or of the loss's target width, values (B,) or 0-d, delta (B, C).

A loss may have `example(rng) -> (scores, target)`, a batch of its domain, and `example_at_kink(rng)`, the same at
points where its slope jumps. A link that it brings ready-made is checked as the layer that it is.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.network.backprop import CostLayer
from bpframe.protocols import Layer, Loss
from bpframe.protocols.traits import surrogate_of
from bpframe.registry.of_fields import of_one_array
from bpframe.testing.kinds.layers import layer_checks
from bpframe.testing.kinds.loss_minimum import minimum_checks
from bpframe.testing.kinds.loss_targets import target_checks
from bpframe.testing.kinds.loss_weights import weight_checks
from bpframe.testing.kinds.ranges import domain_checks
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import (
    max_abs,
    require,
    require_close,
    require_finite,
    require_same_bits,
    require_shape,
)
from bpframe.testing.laws.examples import Pair, example_batch, extreme_scores, has_bounded_scores
from bpframe.testing.laws.finite_differences import GradientProblem, verify_gradient
from bpframe.testing.laws.kinks import one_sided_slopes, require_subgradient, slope_jumps
from bpframe.testing.laws.purity import call_read_only, determinism_check
from bpframe.testing.report import Check, SkipCheck
from bpframe.types import HostArray

KINK_BATCHES = 5  # batches at kinks to look at


def loss_checks(loss: Loss) -> dict[str, Check]:
    """The checks by name."""
    loss = of_one_array(loss)
    scores, target = example_batch(loss, 1)
    both = partial(_both, loss)
    return {
        "link": lambda: _link(loss),
        "shape": partial(_shapes, loss, scores, target),
        "gradient": partial(verify_gradient, "delta", partial(_problem, loss)),
        "kinks": partial(_kinks, loss),
        "rows": partial(_rows, loss, scores, target),
        "zero weight": partial(_zero_weight, loss, scores, target),
        "dtype": lambda: precision.require_dtype_kept(lambda dtype: both(scores.astype(dtype), target.astype(dtype))),
        "float32": lambda: precision.require_float32_close(
            lambda dtype: both(scores.astype(dtype), target.astype(dtype))
        ),
        "purity": lambda: call_read_only("value_and_delta", loss.value_and_delta, scores, target),
        "determinism": partial(determinism_check(loss), partial(both, scores, target)),
        "extremes": partial(_extremes, loss, target),
        **minimum_checks(loss),
        **domain_checks(loss, scores),
        **target_checks(loss),
        **weight_checks(loss, scores, target),
        **_link_checks(loss, scores),
    }


def _both(loss: Loss, scores: HostArray, target: HostArray) -> dict[str, Any]:
    values, delta = loss.value_and_delta(scores, target)
    return {"values": values, "delta": delta}


def _link(loss: Loss) -> None:
    """The activation exists, or the link is ready."""
    CostLayer.of(loss)


def _link_checks(loss: Loss, scores: HostArray) -> dict[str, Check]:
    """The laws of layers, of a link that the loss brings ready-made."""
    link: Any = loss.link
    if isinstance(link, str) or not hasattr(link, "forward"):
        return {}
    laws = layer_checks(link, scores.shape[1:])
    return {"link: parameters": partial(_no_parameters, link, scores), **{f"link: {name}": laws[name] for name in laws}}


def _no_parameters(link: Layer, scores: HostArray) -> None:
    """None, and an output of the shape of the scores, since a prediction stands beside them."""
    params, out = link.init(np.random.default_rng(0), scores.shape[1:])
    require(not params, f"a link has no parameters, since nothing trains them, got {sorted(params)}")
    require(out == scores.shape[1:], f"a link keeps the shape of scores, {scores.shape[1:]}, got {out}")


def _shapes(loss: Loss, scores: HostArray, target: HostArray) -> None:
    """(B,) or 0-d, and the shape of scores, for any number of rows, one too; none of a loss that couples them."""
    coupled = np.shape(loss.value_and_delta(scores, target)[0]) == ()
    for rows in (len(scores), 1, *([] if coupled else [0])):
        values, delta = loss.value_and_delta(scores[:rows], target[:rows])
        if np.shape(values) != ():
            require_shape(f"values of {rows} rows", values, (rows,))
        require_shape(f"delta of {rows} rows", delta, scores[:rows].shape)


def _problem(loss: Loss, seed: int) -> GradientProblem:
    scores, target = example_batch(loss, seed)
    return GradientProblem(
        lambda at: np.sum(np.asarray(loss.value_and_delta(at, target)[0])),
        lambda at: loss.value_and_delta(at, target)[1],
        scores,
    )


def _kinks(loss: Loss) -> None:
    """At kinks delta is a subgradient: along any direction it lies between the slopes on either side."""
    if not hasattr(loss, "example_at_kink"):
        raise SkipCheck("it names no kinks: example_at_kink(rng) -> (scores, target)")
    rng = np.random.default_rng(6)
    jumps = [_jumps_at_kink(loss, loss.example_at_kink(rng), rng) for _ in range(KINK_BATCHES)]
    require(any(jumps), "example_at_kink must give scores at which the slope jumps, but it jumps along no direction")


def _jumps_at_kink(loss: Loss, pair: Pair, rng: np.random.Generator) -> bool:
    """Whether the slope jumps along one of the directions that delta is compared along, each axis among them."""
    scores, target = pair
    delta = np.asarray(loss.value_and_delta(scores, target)[1])
    axes = np.eye(scores.shape[1])[:, None, :] * np.ones_like(scores)
    jumps = False
    for d in (*axes, *rng.normal(size=(3, *scores.shape))):
        behind, ahead = one_sided_slopes(lambda at: loss.value_and_delta(at, target)[0], scores, d)
        slope = np.sum(delta * d, axis=-1) if behind.ndim else np.sum(delta * d)
        require_subgradient("delta", slope, behind, ahead, lambda row: f"along a direction at the kink of row {row}")
        jumps = jumps or bool(np.any(slope_jumps(behind, ahead)))
    return jumps


def _rows(loss: Loss, scores: HostArray, target: HostArray) -> None:
    """A row's value and delta do not depend on the other rows, so those of a batch add up."""
    values, delta = loss.value_and_delta(scores, target)
    if np.shape(values) == ():
        raise SkipCheck("it couples the rows of a batch")
    for row in range(len(scores)):
        value, slope = loss.value_and_delta(scores[row : row + 1], target[row : row + 1])
        require_close(f"value of row {row} on its own", value, values[row : row + 1], 1e-12, 1e-12 * max_abs(values))
        require_close(f"delta of row {row} on its own", slope, delta[row : row + 1], 1e-12, 1e-12 * max_abs(delta))


def _zero_weight(loss: Loss, scores: HostArray, target: HostArray) -> None:
    """A row of weight 0 contributes exactly nothing, whatever its scores are."""
    if np.shape(loss.value_and_delta(scores, target)[0]) == ():
        raise SkipCheck("it couples the rows of a batch")
    share = np.full(len(scores), 1 / (len(scores) - 1))
    share[1] = 0.0

    def weighted(at: HostArray) -> list[HostArray]:
        return [np.asarray(part) for part in CostLayer.of(loss).mean_and_delta(at, target, share)]

    mean, delta = weighted(scores)
    far = scores.copy()
    far[1] = extreme_scores(loss, scores.shape)[1]
    for name, at in (("as the others", scores), ("far out", far)):
        other, slope = weighted(at)
        require(not np.any(slope[1]), f"delta of a row of weight 0, {name}, must be 0, got {slope[1]}")
        require_same_bits(f"the mean loss with a row of weight 0 {name}", other, mean)
        require_same_bits(
            f"the other rows' delta with a row of weight 0 {name}", np.delete(slope, 1, 0), np.delete(delta, 1, 0)
        )


def _extremes(loss: Loss, target: HostArray) -> None:
    """Finite at extreme scores; delta is 0 everywhere only if the value is constant there."""
    for dtype in precision.DTYPES:
        far: HostArray = extreme_scores(loss, example_batch(loss, 1)[0].shape).astype(dtype)
        result = _both(loss, far, target.astype(dtype))
        require_finite(f"result at scores of {far.min():g} and {far.max():g}", result)
        if not (has_bounded_scores(loss) or surrogate_of(loss) or np.any(np.asarray(result["delta"]))):
            near = _both(loss, (0.9 * far).astype(dtype), target.astype(dtype))
            flat = np.array_equal(near["values"], result["values"])
            require(flat, f"delta vanishes at scores of {far.max():g}, where the value still changes")
