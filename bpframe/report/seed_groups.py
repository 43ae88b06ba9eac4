"""Groups of runs whose configs differ in seeds alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class SeedGroup:
    """`runs`: the numbers of runs of one config; `name`: the settings that set it apart from others."""

    name: str
    runs: Sequence[int]
