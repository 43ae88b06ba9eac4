"""Multipliers of learning rate and decay, which layers declare for their own parameters by role."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from bpframe import tree
from bpframe.errors import IncompatibleComponent
from bpframe.network.network import LabelledLayers
from bpframe.protocols.traits import decay_multipliers, lr_multipliers
from bpframe.registry import registry
from bpframe.registry.describe import title

READERS: Mapping[str, Callable[[object], dict[str, float]]] = {
    "lr_multipliers": lr_multipliers,
    "decay_multipliers": decay_multipliers,
}


def declared_multipliers(layers: LabelledLayers, paths: Iterable[tree.Path]) -> dict[tree.Path, tuple[float, float]]:
    """(multiplier of the learning rate, of decay) by path of each parameter for which its layer declares one.

    `paths`: of the parameters that may train. IncompatibleComponent for a factor that is none, or of no parameter.
    """
    known, found = list(paths), dict[tree.Path, tuple[float, float]]()
    for label, layer in layers:
        rates, decays = (read(layer) for read in READERS.values())
        if rates or decays:
            roles = ["/".join(path[1:]) for path in known if path[0] == label]
            for name, factors in zip(READERS, (rates, decays), strict=True):
                _check(layer, name, factors, roles)
            both = {role: (float(rates.get(role, 1)), float(decays.get(role, 1))) for role in {**rates, **decays}}
            found |= {(label, *role.split("/")): factors for role, factors in both.items()}
    return found


def inner_multipliers(layers: LabelledLayers) -> dict[str, dict[str, float]]:
    """The attributes `lr_multipliers` and `decay_multipliers` of a layer that holds these under their labels.

    One that is empty is left out.
    """
    held = {
        name: {f"{label}/{role}": factor for label, layer in layers for role, factor in read(layer).items()}
        for name, read in READERS.items()
    }
    return {name: factors for name, factors in held.items() if factors}


def _check(layer: object, name: str, factors: Mapping[str, Any], roles: Collection[str]) -> None:
    for role, factor in factors.items():
        if role not in roles:
            owner, listing = title(registry, "layer", layer), ", ".join(roles)
            raise IncompatibleComponent(f"{owner}: {name} names {role!r}, and it has the parameters {listing}.")
        if not (isinstance(factor, int | float) and math.isfinite(factor) and factor >= 0):
            owner = title(registry, "layer", layer)
            raise IncompatibleComponent(f"{owner}: {name} needs numbers of at least 0, got {factor!r} for {role!r}.")
