"""The laws of a loss.  scores and target (B, C), values (B,) or 0-d, delta (B, C).

A loss with a domain of its own may offer `example(rng) -> (scores, target)`. Otherwise scores are normal, targets
follow the link, and a loss that encodes labels behind the link "identity" is taken to want probabilities.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bpframe.registry import registry
from bpframe.testing import precision
from bpframe.testing.comparison import close, finite, require, scale, shaped
from bpframe.testing.gradients import Problem, verify
from bpframe.testing.purity import deterministic, untouched
from bpframe.testing.report import Check, Report, Skipped, run_checks
from bpframe.types import HostArray

B, C = 5, 3
Pair = tuple[HostArray, HostArray]


def check_loss(loss: Any) -> Report:
    """A report, or CheckFailed: delta is the slope of the value, row by row, and nothing else goes wrong."""
    return run_checks(f"loss {loss!r}", loss_checks(loss))


def loss_checks(loss: Any) -> dict[str, Check]:
    """The checks by name."""
    scores, target = example(loss, 1)
    both = partial(_both, loss)
    return {
        "protocol": partial(_protocol, loss),
        "shape": partial(_shapes, loss, scores, target),
        "gradient": partial(verify, "delta", partial(_problem, loss)),
        "rows": partial(_rows, loss, scores, target),
        "dtype": lambda: precision.kept(lambda dtype: both(scores.astype(dtype), target.astype(dtype))),
        "float32": lambda: precision.agreeing(lambda dtype: both(scores.astype(dtype), target.astype(dtype))),
        "purity": lambda: untouched("value_and_delta", loss.value_and_delta, scores, target),
        "determinism": partial(deterministic(loss), partial(both, scores, target)),
        "extremes": partial(_extremes, loss, target),
    }


def example(loss: Any, seed: int) -> Pair:
    """Scores and targets that the loss is made for."""
    rng = np.random.default_rng(seed)
    if hasattr(loss, "example"):
        pair: Pair = loss.example(rng)
        return pair
    scores, target = rng.normal(size=(2, B, C))
    if loss.link == "sigmoid":
        return scores, (target > 0).astype(np.float64)
    if loss.link == "softmax" or _of_probabilities(loss):
        soft = np.exp(target) / np.exp(target).sum(axis=1, keepdims=True)
        soft[: B // 2] = np.eye(C)[rng.integers(0, C, B // 2)]
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return (p if _of_probabilities(loss) else scores), soft
    return scores, np.exp(target) if loss.link == "exponential" else target


def _of_probabilities(loss: Any) -> bool:
    return loss.link == "identity" and hasattr(loss, "encode_target")


def _both(loss: Any, scores: HostArray, target: HostArray) -> dict[str, Any]:
    values, delta = loss.value_and_delta(scores, target)
    return {"values": values, "delta": delta}


def _protocol(loss: Any) -> None:
    registry.check("loss", loss, None)
    registry.find("activation", loss.link)


def _shapes(loss: Any, scores: HostArray, target: HostArray) -> None:
    values, delta = loss.value_and_delta(scores, target)
    if np.shape(values) != ():
        shaped("values", values, scores.shape[:1])
    shaped("delta", delta, scores.shape)


def _problem(loss: Any, seed: int) -> Problem:
    scores, target = example(loss, seed)
    return Problem(
        lambda at: np.sum(loss.value_and_delta(at, target)[0]), lambda at: loss.value_and_delta(at, target)[1], scores
    )


def _rows(loss: Any, scores: HostArray, target: HostArray) -> None:
    """A row's value and delta do not depend on the other rows."""
    values, delta = loss.value_and_delta(scores, target)
    if np.shape(values) == ():
        raise Skipped("it couples the rows of a batch")
    for row in range(len(scores)):
        value, slope = loss.value_and_delta(scores[row : row + 1], target[row : row + 1])
        close(f"value of row {row} on its own", value, values[row : row + 1], 1e-12, 1e-12 * scale(values))
        close(f"delta of row {row} on its own", slope, delta[row : row + 1], 1e-12, 1e-12 * scale(delta))


def _extremes(loss: Any, target: HostArray) -> None:
    if _of_probabilities(loss) or hasattr(loss, "example"):
        raise Skipped("its scores are bounded")
    signs = np.sign(np.random.default_rng(2).normal(size=target.shape))
    for dtype in precision.DTYPES:
        result = _both(loss, (1e4 * signs).astype(dtype), target.astype(dtype))
        finite("result at scores of 1e4", result)
        require(np.any(np.asarray(result["delta"]) != 0), "delta vanishes at scores of 1e4, though most are wrong")
