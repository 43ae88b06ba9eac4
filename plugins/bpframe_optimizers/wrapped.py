"""Common code of optimizers that wrap another or keep parameters: checks of the inner rule, constraints.  p (...)."""

from __future__ import annotations

from typing import Any

from bpframe.plugin import Array, ConfigError, Hyper, Restart, State, ops


def check(owner: str, inner: Any) -> None:
    """ConfigError for a minimizer: it takes the objective instead of a gradient, so nothing can be put around it."""
    if getattr(inner, "scope", None) == "objective":
        raise ConfigError(
            f"{owner} needs a rule that follows a gradient, got {inner!r}, which searches along the objective itself. "
            "Use that one alone."
        )


def put_back(rule: Any, p: Array, when: Array, state: State) -> State:
    """The state of an inner rule whose parameter goes to p where `when` holds: parameters that it keeps are p then."""
    if not isinstance(rule, Restart):
        return state
    xp, new = ops.namespace(p), rule.restart(p, state)
    return {name: old if new[name] is old else xp.where(when, new[name], old) for name, old in state.items()}


def allowed(p: Array, h: Hyper) -> Array:
    """p as constraints allow it; p itself where there are none, or an h of somebody's own says nothing of them."""
    project = getattr(h, "project", None)
    new: Array = p if project is None else project(p)
    return new
