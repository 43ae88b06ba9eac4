"""Small models, gradients drawn for them, and the paths that rules take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bpframe.engine.hyperparameters import Settings
from bpframe.engine.optimizer_chain import set_totals, totals, with_capability
from bpframe.protocols import EvaluationParams, Probe, Totals
from bpframe.testing.laws.purity import make_read_only

GOLDEN = dict(np.load(Path(__file__).parents[1] / "golden" / "array_optimizers.npz"))
Model = dict[str, Any]  # parameters by name
Gradient = Callable[[Model, int], Model]  # at parameters, in step t


class Follower:
    """A model, one rule for all of it, and what an engine does with the two. Everything handed out is read-only."""

    def __init__(self, rule: Any, p: Model) -> None:
        self.rule, self.p, self.t = rule, p, 0
        self.settings = Settings(rule, next(iter(p.values())).dtype.type)
        self.state = {name: rule.init(a) for name, a in p.items()}

    def step(self, gradient: Gradient) -> None:
        h, g = self.settings.at(self.t), gradient(self.p, self.t)
        make_read_only([self.p, g, self.state])
        self._sum(h, g)
        for link in self._having(Probe)[:1]:
            probed = {
                n: link.rule.probe(p, g[n], link.state(self.state[n]), link.settings(h)) for n, p in self.p.items()
            }
            g = make_read_only(gradient(probed, self.t))
            self._sum(h, g)
        updated = {n: self.rule.update(p, g[n], self.state[n], h) for n, p in self.p.items()}
        self.p, self.state = ({n: pair[k] for n, pair in updated.items()} for k in (0, 1))
        self.t += 1

    def evaluated(self) -> Model:
        """The parameters to predict with."""
        for link in self._having(EvaluationParams)[:1]:
            h = link.settings(self.settings.h)
            return {n: link.rule.evaluation_params(p, link.state(self.state[n]), h) for n, p in self.p.items()}
        return self.p

    def _sum(self, h: Any, g: Model) -> None:
        links = self._having(Totals)
        set_totals(links, h, totals(links, h, [(p, g[n], self.state[n]) for n, p in self.p.items()]))

    def _having(self, capability: type) -> list[Any]:
        return with_capability(self.rule, next(iter(self.state.values())), capability)


def follow(rule: Any, p: Model, gradient: Gradient, steps: int) -> tuple[Model, Model, Follower]:
    """(path of each parameter, path of what one predicts with, the follower at the end)."""
    follower, path, predicting = Follower(rule, p), [], []
    for _ in range(steps):
        follower.step(gradient)
        path.append(follower.p)
        predicting.append(follower.evaluated())
    stacked = [{name: np.stack([np.asarray(q[name]) for q in many]) for name in p} for many in (path, predicting)]
    return *stacked, follower


def golden(name: str, *names: str) -> Model:
    """The arrays of one case, by parameter."""
    return {n: GOLDEN[f"{name}/{n}"].copy() for n in names or ("weight", "bias") if f"{name}/{n}" in GOLDEN}


def given(_: Model, t: int) -> Model:
    """The gradients of the golden cases, wherever the parameters are."""
    return {name: g[t] for name, g in golden("gradients").items()}


def drawn(shape: tuple[int, ...], steps: int = 8, seed: int = 3) -> tuple[Any, Any, Gradient]:
    """(p, gradients, the same as a function) of one parameter "weight", random, one gradient 0."""
    rng = np.random.default_rng(seed)
    p, gradients = rng.normal(size=shape), rng.normal(size=(steps, *shape))
    gradients[2] = 0
    return p, gradients, lambda _, t: {"weight": gradients[t].copy()}
