"""The rules that work element by element, and the path that one takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bpframe.engine.hyperparameters import Settings
from bpframe.protocols import Observe
from bpframe_optimizers.adabelief import Adabelief
from bpframe_optimizers.adadelta import Adadelta
from bpframe_optimizers.adagrad import Adagrad
from bpframe_optimizers.adam import Adam
from bpframe_optimizers.adamax import Adamax
from bpframe_optimizers.adamw import Adamw
from bpframe_optimizers.adan import Adan
from bpframe_optimizers.ademamix import Ademamix
from bpframe_optimizers.adopt import Adopt
from bpframe_optimizers.amsgrad import Amsgrad
from bpframe_optimizers.lion import Lion
from bpframe_optimizers.momentum import Momentum
from bpframe_optimizers.nadam import Nadam
from bpframe_optimizers.nesterov import Nesterov
from bpframe_optimizers.radam import Radam
from bpframe_optimizers.rmsprop import Rmsprop
from bpframe_optimizers.rprop import Rprop
from bpframe_optimizers.sgd import Sgd
from bpframe_optimizers.signum import Signum
from bpframe_optimizers.sophia_g import SophiaG
from bpframe_optimizers.yogi import Yogi

RULES = {
    "adabelief": Adabelief,
    "adadelta": Adadelta,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamax": Adamax,
    "adamw": Adamw,
    "adan": Adan,
    "ademamix": Ademamix,
    "adopt": Adopt,
    "amsgrad": Amsgrad,
    "lion": Lion,
    "momentum": Momentum,
    "nadam": Nadam,
    "nesterov": Nesterov,
    "radam": Radam,
    "rmsprop": Rmsprop,
    "rprop": Rprop,
    "sgd": Sgd,
    "signum": Signum,
    "sophia_g": SophiaG,
    "yogi": Yogi,
}
CONFIGS = [rule(**c) for rule in RULES.values() for c in getattr(rule, "example_configs", lambda: [{}])()]
CHANGE, ROWS = 30, 32  # of the golden paths: when lr drops, and how many rows Sophia is told of


@dataclass(frozen=True)
class Drop:
    """A schedule of two values."""

    first: float
    second: float
    at: int = CHANGE

    def value(self, step):
        return self.first if step < self.at else self.second


def follow(rule, p, gradients):
    """(p after each gradient (steps, n), the last state); one that observes looks after the update, as optax does."""
    settings, state, path = Settings(rule, p.dtype.type), rule.init(p), []
    for t, g in enumerate(gradients):
        h = settings.at(t)
        p, state = rule.update(p, g, state, h)
        if isinstance(rule, Observe) and rule.observes(t + 1):
            h.rows = ROWS
            state = rule.observe(p, g, state, h)
        path.append(p)
    return np.array(path), state


def path_of(rule, p, gradients):
    """p after each gradient."""
    return follow(rule, p, gradients)[0]
