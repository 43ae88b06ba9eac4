"""Drawing in an update: which components draw, and the keys that they are given as `h.key`.

A draw depends on the step, the component, the parameter and the element's place in it, whatever pieces an engine makes.
"""

from __future__ import annotations

from collections.abc import Sequence

from bpframe.engine.optimizer_chain import chain, rules_inside
from bpframe.engine.parameter_store import Run
from bpframe.protocols import Group, Key
from bpframe.protocols.traits import is_stochastic
from bpframe.random import HashKey, PieceKey
from bpframe.types import Hyper


def drawing(group: Group, first: int) -> dict[int, str]:
    """The number of each component that draws, or holds a rule that does, with its name; `first` gradient step's."""
    steps = enumerate(group.gradient_steps)
    found = {first + j: f"gradient_steps[{j}]" for j, step in steps if is_stochastic(step)}
    if group.rule is not None and any(is_stochastic(link.rule) for link in chain(group.rule)):
        found[first + len(group.gradient_steps)] = "optimizer"
    return found


def piece_key(key: HashKey, runs: Sequence[Run], scope: str) -> Key:
    """The key of a piece from that of its component: of every element by its place, or of the one parameter."""
    if scope != "element":
        return key.child(runs[0][0])
    return PieceKey(tuple((key.child(name), first, count) for name, first, count in runs))


def set_keys(component: object, h: Hyper, key: Key) -> None:
    """Hand a component its key, and each rule inside it one of its own."""
    h.key = key
    for name, rule in rules_inside(component).items():  # type: ignore[arg-type]  # a gradient step holds none
        set_keys(rule, getattr(h, name), key.child(name))
