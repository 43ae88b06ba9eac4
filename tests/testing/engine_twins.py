"""An engine that keeps all laws, or breaks one by the fault that it is given."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import bpframe as bp
from bpframe.protocols import Batches, Data, Losses
from bpframe.protocols.traits import LEVELS

OTHER_RULES = {  # by fault: the class of a rule, and what becomes of it
    "training, plain": ("SGD", lambda rule: bp.optimizers.sgd(lr=1.05 * rule.lr)),
    "training, averages": ("Ema", lambda rule: rule.inner),
    "training, probes": ("Sam", lambda rule: rule.inner),
    "training, comparisons": ("MarsExact", lambda rule: replace(rule, gamma=0.0)),
    "training, samples": ("SophiaG", lambda rule: replace(rule, every=1000)),
    "training, objective": ("Lbfgs", lambda rule: bp.optimizers.sgd()),
}


@dataclass(frozen=True)
class Eager:
    """Engine numpy."""

    fault: str = ""

    @property
    def levels(self) -> tuple[str, ...]:
        """All; and one that there is not, where these are the fault."""
        return (*LEVELS, "everything") if self.fault == "levels" else tuple(LEVELS)

    def session(self, network: Any, cost: Any, groups: Any, parameters: Any, dtype: Any, seed: int) -> Any:
        """Its session."""
        seed += {"training, draws": 1}.get(self.fault, 0)
        if self.fault == "training, rules":
            groups = [replace(group, constraints=()) for group in groups]
        if self.fault == "training, ties":
            groups = [replace(group, ties=()) for group in groups]
        if self.fault in ("training, gathering", "training, keys"):
            groups = [replace(group, gradient_steps=()) for group in groups]
        if self.fault == "training, augmentations":
            groups = [replace(group, augmentations=()) for group in groups]
        if self.fault == "training, auxiliary":
            network = copy(network)
            network.layers = tuple((label, _silent(layer)) for label, layer in network.layers)
        if self.fault in OTHER_RULES:
            groups = [replace(group, rule=self._other(group.rule)) for group in groups]
        seed = 0 if self.fault == "seed" else seed
        return EagerSession(bp.engines.numpy().session(network, cost, groups, parameters, dtype, seed), self.fault)

    def _other(self, rule: Any) -> Any:
        name, change = OTHER_RULES[self.fault]
        return change(rule) if type(rule).__name__.lower() == name.lower() else rule


def _silent(layer: Any) -> Any:
    """The layer without a loss of its own."""
    return replace(layer, strength=0.0) if hasattr(layer, "auxiliary") else layer


class EagerSession:
    """A session of engine numpy, all but the fault."""

    device = "cpu"

    def __init__(self, inner: Any, fault: str) -> None:
        self._inner, self._fault, self._handed = inner, fault, {}
        self._ends: dict[int, tuple[Any, Any, Any]] = {}  # by step: what restores it, its parameters, scores of x
        self._shown: int | None = None
        self._x: Any = np.empty(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of the session; where copies are the fault, what was handed out before."""
        if self._fault == "copies":
            self._handed = self._handed or self._inner.parameters
            return self._handed
        return self._inner.parameters if self._shown is None else self._ends[self._shown][1]

    def assign(self, values: Any) -> None:
        """As the session, and as the fault."""
        self._inner.assign(values)
        if self._fault == "assign" and self._inner.step:
            self._inner.assign({name: 0 * p for name, p in self._inner.parameters.items() if name not in values})

    def snapshot(self) -> dict[str, Any]:
        """As the session, and as the fault."""
        arrays = self._inner.snapshot()
        return {k: np.round(a, 2) if self._fault == "snapshot" else a for k, a in arrays.items()}

    def use(self, groups: Any) -> None:
        """As the session, which where groups are the fault keeps those that it had."""
        if not self._fault.startswith("training"):
            self._inner.use(groups)

    def load(self, data: Data, collect: bool, collected: Any = None) -> None:
        """As the session, and as the fault."""
        self._inner.load(replace(data, weight=None) if self._fault == "weights" else data, collect, collected)

    def run(self, batches: Batches, start: int, stop: int) -> Losses:
        """As the session, and as the fault."""
        if self._fault == "blocks":
            self._inner.assign({"dense_1/bias": self._inner.parameters["dense_1/bias"] + 0.01})
        first = min(stop, start - batches.at(start)[1] + batches.steps)
        made = self._inner.run(batches, start, first)
        scores = self._inner.scores(self._x) if len(self._x) else None
        self._ends[self._inner.step] = self._inner.snapshot(), self._inner.parameters, scores
        if self._fault == "sums" and made.sums is not None:
            return replace(made, sums=made.sums + 1)
        if self._fault == "finite" and not np.isfinite(made.loss[-1]):
            return Losses([*made.loss, 0.0], [*made.penalty, 0.0], [*made.weight, 1.0])
        return made

    def keep_ends(self, wanted: bool, x: Any = None, stops: bool = True) -> bool:
        """It keeps them."""
        self._x = np.empty(0) if x is None else x
        return wanted

    def show_end(self, step: int | None) -> bool:
        """Those of its steps; where ends are the fault, it goes on showing one."""
        if step is not None or self._fault != "ends":
            self._shown = step if step in self._ends else None
        return self._shown is not None

    def rewind(self, step: int) -> None:
        """By what restores it."""
        self._shown = None
        self._inner.restore(self._ends[step][0], step)

    def sum_rows(self, sums: Any) -> bool:
        """As the session."""
        return bool(self._inner.sum_rows(sums))

    def scores(self, x: Any) -> Any:
        """As the session, and as the fault."""
        shown = x is self._x and self._shown is not None
        return (self._ends[self._shown][2] if shown else self._inner.scores(x)) + (self._fault == "scores")

    def collected(self) -> Any:
        """As the session, and as the fault."""
        scores = self._inner.collected()
        return scores[::-1] if self._fault == "collected scores" else scores

    def setting(self, name: str, step: int) -> Any:
        """As the session, and as the fault."""
        value = self._inner.setting(name, step)
        return 2 * value if self._fault == "setting" and value is not None else value
