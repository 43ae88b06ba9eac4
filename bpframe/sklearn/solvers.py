"""Solvers: the optimizer for an estimator's arguments, and scikit-learn's learning rate policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from bpframe.engine.learning_rates import changed_rates, rates, with_rate
from bpframe.engine.optimizer_chain import rules_inside
from bpframe.errors import ConfigError
from bpframe.registry import Spec, arguments, build, load
from bpframe.registry.builder import parameters
from bpframe.registry.nested import is_schedule

POLICIES = ("constant", "invscaling", "adaptive")
DEFAULT_RATE = 0.001  # learning_rate_init, left out


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
    if to_spec:
        optimizer = build("optimizer", to_spec(settings))
    else:
        optimizer = _named(solver, settings["learning_rate_init"]) if isinstance(solver, str) else solver
        optimizer = build("optimizer", optimizer)
    if policy == "constant":
        return optimizer, None
    main = next(rates(optimizer))
    if policy not in POLICIES:
        return with_rate(optimizer, _schedule(policy, main)), None
    if is_schedule(main):
        raise ConfigError(f"learning_rate={policy!r} needs a solver with a number as lr, got {main!r}.")
    rate = PolicyRate(float(main), policy, settings["power_t"])
    return with_rate(optimizer, rate), rate


def _named(solver: str, rate: float) -> Any:
    """The optimizer of that name, it and all optimizers inside it with this learning rate."""
    if "lr" not in parameters(load("optimizer", solver)):
        if rate != DEFAULT_RATE:
            raise ConfigError(f"learning_rate_init needs a solver with a learning rate, and {solver} has none.")
        return solver
    optimizer = build("optimizer", {"name": solver, "lr": rate})
    if not (inside := rules_inside(optimizer)):
        return optimizer
    inner = {name: with_rate(rule, rate) for name, rule in inside.items()}
    return type(optimizer)(**{**arguments(optimizer), **inner})


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


def registered_optimizer(optimizer: Any, rate: PolicyRate | None) -> Any:
    """The optimizer for a model file: with the current learning rates, where they follow a policy, as numbers."""
    return changed_rates(optimizer, lambda lr: lr.value(0)) if rate else optimizer
