"""Providers: the components on offer, as metadata or the program itself names them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, order=True)
class Provider:
    """One component on offer: its name, its distribution, and where it is; all known without importing it.

    `target` is "module:attribute" for information only: configs and files carry names, never targets.
    """

    kind: str
    name: str
    dist: str
    version: str
    target: str
    summary: str = field(default="", compare=False)
    load: Any = field(default=None, compare=False, repr=False)  # () -> the component's class or factory

    @property
    def ref(self) -> str:
        """The name that is always valid: "dist/name"."""
        return f"{self.dist}/{self.name}"

    def __str__(self) -> str:
        return f"{self.kind} '{self.ref}' ({self.dist} {self.version}, {self.target})"
