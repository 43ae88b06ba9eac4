"""Engine levels: what a training needs of its engine, refused where the engine does not keep it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bpframe.engine.drawing import drawing
from bpframe.engine.optimizer_chain import chain
from bpframe.errors import ConfigError
from bpframe.network.network import Network
from bpframe.protocols import Auxiliary, CompareGradients, Group, Observe, Probe, Totals
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import LEVELS, levels, scope_of
from bpframe.registry import registry
from bpframe.registry.describe import short_name
from bpframe.types import HostArray


def refuse_missing_levels(
    engine: object, groups: Sequence[Group], network: Network, weight: HostArray | None = None
) -> None:
    """ConfigError for what a training of these groups needs and the engine does not keep; `weight` of rows (N, ...)."""
    kept = levels(engine)
    if kept >= LEVELS.keys():
        return
    needs = [*_needs(groups), *(("auxiliary", label) for label, part in network.layers if implements(part, Auxiliary))]
    if weight is not None and weight.ndim > 1:
        needs.append(("positions", "A fit"))
    for level, who in needs:
        if level not in kept:
            raise level_error(engine, level, f"{who} needs")


def level_error(engine: object, level: str, needs: str) -> ConfigError:
    """The error for a level that an engine does not keep; `needs`: who needs it."""
    name = short_name(registry, "engine", engine)
    others = "Take engine='numpy', or leave it out."
    return ConfigError(f"{needs} {LEVELS[level]}, and the engine {name} has not the level '{level}'. {others}")


def _needs(groups: Sequence[Group]) -> Iterator[tuple[str, str]]:
    """(level, who needs it)."""
    for group in groups:
        own = (("schedules", "A setting"), ("measures", "A callback or metric"), ("ties", "A network"))
        yield from ((level, who) for level, who in own if getattr(group, level))
        if group.augmentations:
            yield "augmentations", "An augmentation"
        if drawing(group, 0):
            yield "keys", "A rule or gradient step that draws"
        if group.until:
            yield "resting", "A group"
        for kind, part in group.components():
            if scope_of(part) == "objective":
                yield "minimizers", short_name(registry, kind, part)
            elif any(_sums(each) for each in _rules(kind, part)):
                yield "totals", short_name(registry, kind, part)
            if any(implements(each, CompareGradients) for each in _rules(kind, part)):
                yield "comparisons", short_name(registry, kind, part)


def _rules(kind: str, part: Any) -> Iterator[Any]:
    yield from (link.rule for link in chain(part)) if kind == "optimizer" else (part,)


def _sums(part: object) -> bool:
    return implements(part, Totals) or implements(part, Probe) or implements(part, Observe)
