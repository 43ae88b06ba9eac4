"""Solvers: the optimizer for an estimator's arguments, and scikit-learn's learning rate policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from bpframe.engine.optimizer_chain import with_lr
from bpframe.registry import Spec, arguments, build, load
from bpframe.registry.builder import parameters

POLICIES = ("constant", "invscaling", "adaptive")


@final
@dataclass
class PolicyRate:
    """value = the learning rate of the current epoch, set by the epoch callback.

    "invscaling": after t rows in all, rate = initial / (t + 1)^power. "adaptive": rate <- rate / 5 at each plateau,
    until it is at most 1e-6.
    Source: `SGDOptimizer` of scikit-learn.
    """

    initial: float
    policy: str = "constant"
    power: float = 0.5

    def __post_init__(self) -> None:
        self.current = self.initial

    def value(self, step: int) -> float:
        """The rate of the current epoch, the same at each of its steps."""
        return self.current

    @property
    def varies(self) -> bool:
        """Whether the rate changes after every epoch."""
        return self.policy == "invscaling"

    def end_epoch(self, t: int) -> None:
        """Update the rate at the end of an epoch, after t rows in all."""
        if self.policy == "invscaling":
            self.current = self.initial / (t + 1) ** self.power

    def plateau(self) -> str | None:
        """Reduce the rate at a plateau of the curve: a message with the new rate, or None if the fit should stop."""
        if self.policy != "adaptive" or self.current <= 1e-6:
            return None
        self.current /= 5.0
        return f"Setting learning rate to {self.current:f}"


def build_optimizer(settings: Mapping[str, Any]) -> tuple[Any, PolicyRate | None]:
    """(the optimizer for an estimator's arguments, its learning rate if a policy changes that)."""
    solver, policy = settings["solver"], settings["learning_rate"]
    if solver == "adam":
        policy = policy if policy not in POLICIES else "constant"  # as in scikit-learn, they are for sgd
    to_spec = {"adam": _adam, "sgd": _sgd}.get(solver) if isinstance(solver, str) else None
    spec: Spec = to_spec(settings) if to_spec else solver
    if isinstance(spec, str):
        wants_lr = "lr" in parameters(load("optimizer", spec))
        spec = {"name": spec, **({"lr": settings["learning_rate_init"]} if wants_lr else {})}
    optimizer = build("optimizer", spec)
    if policy == "constant":
        return optimizer, None
    if policy not in POLICIES:
        return with_lr(optimizer, lambda lr: _schedule(policy, lr)), None
    rates: list[PolicyRate] = []

    def scheduled(lr: Any) -> PolicyRate:
        rates.append(PolicyRate(float(lr), policy, settings["power_t"]))
        return rates[0]

    return with_lr(optimizer, scheduled), rates[0]


def _adam(settings: Mapping[str, Any]) -> Spec:
    numbers = {"beta1": settings["beta_1"], "beta2": settings["beta_2"], "eps": settings["epsilon"]}
    return {"name": "adam", "flavor": "keras", "lr": settings["learning_rate_init"], **numbers}


def _sgd(settings: Mapping[str, Any]) -> Spec:
    name = "nesterov" if settings["nesterovs_momentum"] else "momentum"
    if not settings["momentum"]:
        return {"name": "sgd", "lr": settings["learning_rate_init"]}
    momentum = settings["momentum"] if settings["momentum"] < 1 else {"name": "constant", "initial": 1.0}
    return {"name": name, "flavor": "keras", "lr": settings["learning_rate_init"], "momentum": momentum}


def _schedule(spec: Spec, lr: float) -> Any:
    """The schedule; its `initial` is lr unless the user sets it."""
    if isinstance(spec, str):
        spec = {"name": spec}
    if isinstance(spec, Mapping) and isinstance(spec.get("name"), str) and "initial" not in spec:
        wants = "initial" in parameters(load("schedule", spec["name"]))
        spec = {**spec, **({"initial": lr} if wants else {})}
    return build("schedule", spec)


def registered_optimizer(optimizer: Any) -> Any:
    """The optimizer for a model file: with the current learning rate as a number."""
    has_policy = any(isinstance(value, PolicyRate) for value in arguments(optimizer).values())
    return with_lr(optimizer, lambda lr: lr.current) if has_policy else optimizer
