"""A cache of compiled programs, in the process and in a folder: models of the same parts and shapes share one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from bpframe.engine.hyperparameters import Settings
from bpframe.engine.program_folder import default_folder
from bpframe.network.backprop import CostLayer
from bpframe.network.network import Network
from bpframe.protocols import Group
from bpframe.registry import arguments
from bpframe.registry.nested import is_schedule

KEPT = 64  # programs; the least recently used goes
_programs: OrderedDict[Hashable, Callable[..., Any]] = OrderedDict()


_by_default: list[str | None] = []  # the folder of JAX, where neither engine nor program has chosen it


def keep_in(folder: str | None) -> None:
    """Have JAX look for programs in a folder, and leave them there, however fast they compile.

    Without one in that of `engine.program_folder`, if there is any, unless the program has set one for JAX itself.
    """
    settings: Any = jax.config
    present = settings.jax_compilation_cache_dir
    if folder is not None:
        _by_default.clear()
    elif present is None or present in _by_default:
        version = jax.lib.__version__  # type: ignore[attr-defined]  # of jaxlib as it is loaded
        folder = default_folder(f"jaxlib {version}")
        _by_default[:] = [folder]
    else:
        return
    if present != folder:
        settings.update("jax_compilation_cache_dir", folder)
        settings.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        reset_cache()  # or it would stay with a folder that it has opened


def compiled(key: Hashable, make: Callable[[], Callable[..., Any]], donate: Sequence[int] = ()) -> Callable[..., Any]:
    """The compiled form of what `make` gives, compiled once for each key; arguments number `donate` are used up."""
    try:
        program = _programs.pop(key, None)
    except TypeError:  # a component that cannot be compared
        return jax.jit(make(), donate_argnums=tuple(donate))
    _programs[key] = program or jax.jit(make(), donate_argnums=tuple(donate))
    while len(_programs) > KEPT:
        _programs.popitem(last=False)
    return _programs[key]


def step_keys(network: Network, cost: CostLayer, groups: Sequence[Group]) -> tuple[Hashable, ...]:
    """What a step depends on besides its arguments; of settings that follow a schedule, only that they do."""
    parts = tuple(
        (
            group.params,
            group.origin,
            group.penalised,
            len(group.schedules),
            group.measures,
            (group.resting, group.start, group.ties),
            *((kind, component_key(component)) for kind, component in group.components()),
        )
        for group in groups
    )
    return network.layers, cost, parts


def component_key(part: object) -> Hashable:
    """A component of an update, its schedules left out."""
    scheduled = {id(value) for _, _, value in Settings(part, float).slots if is_schedule(value)}
    values = tuple((name, _argument(value, scheduled)) for name, value in arguments(part).items())
    return type(part), values


def _argument(value: Any, scheduled: set[int]) -> Hashable:
    if id(value) in scheduled:
        return "scheduled"
    return component_key(value) if hasattr(value, "init") else value
