"""What a loss puts into `learned` is refused at once where a model file could not give it back.

Shapes: x (8, 2), y (8,).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import BrokenComponent, CheckFailed
from bpframe.testing import check_loss

X = np.random.default_rng(0).normal(size=(8, 2))


@dataclass(frozen=True)
class Learner:
    """loss = sum_c (z_c - y_c)^2 / 2; `learn` fills what is learned."""

    learn: Callable[[dict[str, Any]], Any]
    link = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        r = scores - target
        return (r * r).sum(axis=-1) / 2, r

    def encode_target(self, y: Any, learned: dict[str, Any]) -> Any:
        self.learn(learned)
        return y.reshape(len(y), -1)


def trainer(learn: Callable[[dict[str, Any]], Any]) -> bp.Trainer:
    return bp.Trainer(bp.Network([bp.layers.dense(1)]), loss=Learner(learn))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("classes", [1.0, 2.0], r"learned\['classes'\], a name that is kept for labels"),
        ("heads", {}, r"learned\['heads'\], a name that is kept for the task"),
        ("target_scale", 2.0, "a name that is kept for the task"),
        ("target_columns", ["a"], "a name that is kept for the task"),
        ("levels", np.arange(2), r"plain JSON values .* Make it plain: value.tolist\(\)"),
        ("levels", {"of": [np.int64(1)]}, "plain JSON values"),
        ("levels", {1, 2}, "plain JSON values"),
        ("mean", float("nan"), "plain JSON values"),
    ],
)
def test_what_no_file_can_give_back_is_refused_before_the_first_step(name: str, value: Any, words: str):
    made = trainer(lambda learned: learned.update({name: value}))
    with pytest.raises(BrokenComponent, match=words):
        made.fit(X, X[:, 0], epochs=2, verbose=0)
    assert not made.history
    with pytest.raises(CheckFailed, match=rf"encoded targets: .*{words}"):
        check_loss(Learner(lambda learned: learned.update({name: value})))


@pytest.mark.parametrize(
    "own",
    [{"levels": [1, 2.5, "a", None]}, {"classes": ["a", "b"], "dtype": "<U1"}, {"dtype": "float64"}, {"pair": (1, 2)}],
)
def test_what_is_plain_trains(own: dict[str, Any]):
    made = trainer(lambda learned: learned.update(own))
    made.fit(X, X[:, 0], epochs=1, verbose=0)
    assert {name: made.task.learned[name] for name in own} == own
