"""The rule of change that an estimator's arguments mean, and scikit-learn's policies of learning rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from bpframe.engine.optimizer_chain import with_lr
from bpframe.registry import Spec, arguments, build, load, registry
from bpframe.registry.builder import parameters

POLICIES = ("constant", "invscaling", "adaptive")


@final
@dataclass
class Rate:
    """value = the rate of the present epoch, which whoever runs the epochs changes between them.

    "invscaling": after t rows in all, rate = initial / (t + 1)^power. "adaptive": rate <- rate / 5 at each plateau,
    until it is at most 1e-6.
    Source: `SGDOptimizer` of scikit-learn.
    """

    initial: float
    policy: str = "constant"
    power: float = 0.5

    def __post_init__(self) -> None:
        self.present = self.initial

    def value(self, step: int) -> float:
        """The rate of this epoch, at each of its steps."""
        return self.present

    @property
    def varies(self) -> bool:
        """Whether it may be another one in each epoch."""
        return self.policy == "invscaling"

    def passed(self, t: int) -> None:
        """An epoch has ended after t rows in all."""
        if self.policy == "invscaling":
            self.present = self.initial / (t + 1) ** self.power

    def plateau(self) -> str | None:
        """The curve has not moved for long: what is to be said of the new rate, or None if the fit is to stop."""
        if self.policy != "adaptive" or self.present <= 1e-6:
            return None
        self.present /= 5.0
        return f"Setting learning rate to {self.present:f}"


def rule(given: Mapping[str, Any]) -> tuple[Any, Rate | None]:
    """(the optimizer, its rate if a policy changes that) of an estimator's arguments."""
    solver, policy = given["solver"], given["learning_rate"]
    if solver == "adam":
        policy = policy if policy not in POLICIES else "constant"  # as in scikit-learn, they are for sgd
    own = {"adam": _adam, "sgd": _sgd}.get(solver) if isinstance(solver, str) else None
    spec: Spec = own(given) if own else solver
    if isinstance(spec, str):
        wants_lr = "lr" in parameters(load("optimizer", spec))
        spec = {"name": spec, **({"lr": given["learning_rate_init"]} if wants_lr else {})}
    ready = build("optimizer", spec)
    if policy == "constant":
        return ready, None
    if policy not in POLICIES:
        return with_lr(ready, lambda lr: _schedule(policy, lr)), None
    rates: list[Rate] = []

    def held(lr: Any) -> Rate:
        rates.append(Rate(float(lr), policy, given["power_t"]))
        return rates[0]

    return with_lr(ready, held), rates[0]


def _adam(given: Mapping[str, Any]) -> Spec:
    numbers = {"beta1": given["beta_1"], "beta2": given["beta_2"], "eps": given["epsilon"]}
    return {"name": "adam", "flavor": "keras", "lr": given["learning_rate_init"], **numbers}


def _sgd(given: Mapping[str, Any]) -> Spec:
    name = "nesterov" if given["nesterovs_momentum"] else "momentum"
    if not given["momentum"]:
        return {"name": "sgd", "lr": given["learning_rate_init"]}
    momentum = given["momentum"] if given["momentum"] < 1 else {"name": "constant", "initial": 1.0}
    return {"name": name, "flavor": "keras", "lr": given["learning_rate_init"], "momentum": momentum}


def _schedule(spec: Spec, lr: float) -> Any:
    """The schedule, starting at the rule's own rate where it leaves that open."""
    if isinstance(spec, str):
        spec = {"name": spec}
    if isinstance(spec, Mapping) and isinstance(spec.get("name"), str) and "initial" not in spec:
        wants = "initial" in parameters(load("schedule", spec["name"]))
        spec = {**spec, **({"initial": lr} if wants else {})}
    return build("schedule", spec)


def plain(rule: Any) -> Any:
    """The rule for a model file: with the rate of the present epoch as a number."""
    found = [value for value in arguments(rule).values() if isinstance(value, Rate)]
    return with_lr(rule, lambda lr: lr.present) if found and registry else rule
