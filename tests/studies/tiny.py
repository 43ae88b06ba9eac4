"""A tiny workload and rules that are planted in a comparison."""

from __future__ import annotations

import numpy as np
import pytest

from bpframe.runs.config import Partition
from bpframe.studies import comparison_trials, rule_comparison
from bpframe.studies.bundled_workloads import WORKLOADS, dense
from bpframe.studies.workload import Workload

ADAMS = '''
"""A rule with the settings, the state and the space of adam."""
from bpframe_optimizers.adam import Adam as _Adam
from dataclasses import dataclass
from typing import ClassVar
from bpframe.plugin import Array, Hyper, State, ops


@dataclass(frozen=True)
class NAME:
    """Adam, or nearly."""

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    scope: ClassVar[str] = "element"
    tuning_space: ClassVar[dict] = {"lr": (3e-05, 0.03), "source": "that of adam"}

    def init(self, p: Array) -> State:
        return _Adam().init(p)

    def update(self, p: Array, g: Array, state: State, h: Hyper):
'''
TWIN = (
    ADAMS.replace("NAME", "Twin")
    + """\
        return _Adam().update(p, g, state, h)
"""
)
EVERY_OTHER = (  # adam that leaves out every second update: it needs twice the steps
    ADAMS.replace("NAME", "HalfAdam")
    + """\
        xp = ops.namespace(p)
        t = (h.step + 1) // 2
        m = h.beta1 * state["m"] + (1 - h.beta1) * g
        v = h.beta2 * state["v"] + (1 - h.beta2) * g * g
        change = h.lr * m / (1 - h.beta1**t) / (xp.sqrt(v / (1 - h.beta2**t)) + h.eps)
        even = xp.asarray(h.step % 2 == 0)
        where = lambda a, b: xp.where(even, a, b)
        return where(p - change, p), {"m": where(m, state["m"]), "v": where(v, state["v"])}
"""
)


def rows() -> Partition:
    """A curved function of two columns."""
    x = np.random.default_rng(0).uniform(-1, 1, size=(300, 2))
    y = np.sin(2 * x[:, :1]) - 0.5 * x[:, 1:]
    return Partition((x[:200], y[:200]), (x[200:], y[200:]))


def tiny(epochs: int = 2, target: float | None = 0.2, looks: int = 3) -> Workload:
    """A workload whose trainings take milliseconds."""
    return Workload("tiny", rows, lambda: dense(8, 1, activation="tanh"), "mse", "mae", epochs, 16, target, looks)


def plant(monkeypatch: pytest.MonkeyPatch, workload: Workload) -> None:
    """Have a workload on offer, in this process."""
    monkeypatch.setitem(WORKLOADS, workload.name, workload)
    comparison_trials._rows.cache_clear()
    assert rule_comparison.WORKLOADS is WORKLOADS
