"""Multiplied layers: those that take factors of learning rate and decay of their weights as arguments."""

from __future__ import annotations

from typing import Any

from bpframe.plugin import Activation, Layer, checks, inner_multipliers

FACTORS = ("lr_multiplier", "decay_multiplier")


def declare_multipliers(who: str, layer: Any, activation: Activation | Layer | None = None) -> None:
    """Let a layer declare the factors of its weight that its arguments give, and what its activation declares."""
    inside = {} if activation is None else inner_multipliers((("activation", activation),))  # type: ignore[arg-type]  # of either
    for argument in FACTORS:
        factor, name = getattr(layer, argument), f"{argument}s"
        if factor is not None:
            checks.not_negative(who, **{argument: factor})
            inside[name] = {"weight": float(factor), **inside.get(name, {})}
    for name, factors in inside.items():
        object.__setattr__(layer, name, factors)
