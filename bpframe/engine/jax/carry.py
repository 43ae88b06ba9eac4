"""What the rules of a compiled run make of its carry: a start, parameters to predict with, settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.jax import compiled_step
from bpframe.engine.jax.compiled_step import Carry, Program
from bpframe.engine.optimizer_chain import Link, clock, having, setting
from bpframe.network.backprop import CostLayer
from bpframe.network.network import Network
from bpframe.protocols import EvaluationParams, Group
from bpframe.types import Params, State


@final
class Rules:
    """The rules of all groups, by whose number they are asked, in one dtype."""

    def __init__(self, network: Network, cost: CostLayer, groups: Sequence[Group], dtype: str) -> None:
        self.groups, self._dtype, self._network, self._cost = list(groups), np.dtype(dtype), network, cost
        self.minimizing = any(group.rule is not None and group.rule.scope == "objective" for group in groups)
        self._known: dict[int, Settings] = {}
        self._constant: dict[str, float | None] = {}  # settings that were asked for

    def start(self, params: Params) -> Any:
        """What rules remember before the first step; they may keep arrays of `params` themselves."""
        row = np.zeros(compiled_step.width(self.groups), self._dtype)  # no rule's start depends on a setting
        return Program(self._network, self._cost, self.groups).initial(params, row)

    def averaging(self, carry: Carry, k: int) -> list[Link]:
        """Those of group k's rules that predict with other parameters."""
        rule = self.groups[k].rule
        return having(rule, _state(carry, k), EvaluationParams) if rule else []

    def evaluated(self, carry: Carry, step: int) -> Params:
        """The parameters to predict with after `step` steps: those of training, unless a rule says otherwise."""
        averaging = {k: links for k in range(len(self.groups)) if (links := self.averaging(carry, k))}
        if step == 0 or not averaging:
            return carry.params
        params = tree.transform(carry.params, lambda leaf: leaf)
        for k, (link, *_) in averaging.items():
            h = link.settings(self._h(k, step))
            for path, states in zip(self.groups[k].paths, carry.states[k], strict=True):
                p = tree.at(params, path)
                tree.assign(params, path, link.rule.evaluation_params(p, link.state(states[-1]), h))
        return params

    def setting(self, carry: Carry, name: str, step: int) -> float | None:
        """A setting of the first trained group's rule, or of the rule inside it, in the update that led to `step`."""
        k = next((k for k, group in enumerate(self.groups) if group.rule is not None), None)
        if k is None:
            return None
        if self._settings(k).moving or name not in self._constant:
            self._constant[name] = setting(self.groups[k], self._settings(k), _state(carry, k), name, step)
        return self._constant[name]

    def _settings(self, k: int) -> Settings:
        if k not in self._known:
            self._known[k] = Settings(self.groups[k].rule, self._dtype.type)
        return self._known[k]

    def _h(self, k: int, step: int) -> Any:
        return self._settings(k).at(clock(self.groups[k].gradient_steps, max(step - 1, 0)))


def _state(carry: Carry, k: int) -> State:
    """What group k's rule remembers of its first parameter."""
    states = carry.states[k]
    return states[0][-1] if states and states[0] else {}
