"""The catalog of what is on offer: bpframe's own components, those of the program, and, on demand, all others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import final

from bpframe.registry.metadata_scan import Unreadable, core, third_parties
from bpframe.registry.provider import Provider

Scan = Callable[[], Iterable[Provider | Unreadable]]


@final
class Catalog:
    """Providers by kind. `scans` make them, bpframe's own first; each runs once, when it is needed.

    `local`: those that the program registered.
    """

    def __init__(self, *scans: Scan) -> None:
        self._scans = scans or (core, third_parties)
        self._found: list[dict[str, list[Provider]]] = []  # by scan and kind
        self.unreadable: list[Unreadable] = []

    def core(self, kind: str, local: Iterable[Provider]) -> list[Provider]:
        """bpframe's own components of a kind, and the program's."""
        return [*self._scanned(1)[0].get(kind, ()), *(provider for provider in local if provider.kind == kind)]

    def all(self, kind: str, local: Iterable[Provider]) -> list[Provider]:
        """Every component of a kind."""
        others = (by_kind.get(kind, ()) for by_kind in self._scanned(len(self._scans))[1:])
        return [*self.core(kind, local), *(provider for found in others for provider in found)]

    def refresh(self) -> None:
        """Forget what was found."""
        self._found, self.unreadable = [], []

    def _scanned(self, number: int) -> list[dict[str, list[Provider]]]:
        while len(self._found) < number:
            by_kind: dict[str, list[Provider]] = {}
            for item in self._scans[len(self._found)]():
                if isinstance(item, Unreadable):
                    self.unreadable.append(item)
                else:
                    by_kind.setdefault(item.kind, []).append(item)
            self._found.append(by_kind)
        return self._found[:number]
