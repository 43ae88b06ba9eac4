"""Trained parameters: what is known of each, and the groups that a trainer's parts make of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from bpframe.protocols import Group, Param
from bpframe.training.spec import TrainerSpec
from bpframe.training.update_groups import LISTS, ON_BATCHES, update_groups


@final
class TrainedParameters:
    """The trained parameters of a network; their groups are made once for the same parts."""

    def __init__(self, known: Sequence[Param] = ()) -> None:
        self.known = known
        self._parts: list[Any] = []  # that made the groups
        self._groups: list[Group] = []

    def groups(self, spec: TrainerSpec) -> list[Group]:
        """The groups of the parameters, as `update_groups` makes them."""
        names = (*(part.name for part in LISTS), *ON_BATCHES, "groups")
        lists = [getattr(spec, name) for name in names]
        parts = [spec.optimizer, *(each for parts in lists for each in (None, *parts))]
        if len(parts) != len(self._parts) or any(a is not b for a, b in zip(parts, self._parts, strict=True)):
            self._groups, self._parts = update_groups(self.known, spec), parts
        return self._groups

    def __reduce__(self) -> tuple[type[TrainedParameters], tuple[Sequence[Param]]]:
        return TrainedParameters, (self.known,)  # a copy has other parts
