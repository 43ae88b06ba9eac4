"""Columns of rows by name: what files and data frames say of them.  x (N, n) rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from bpframe.types import HostArray


@final
@dataclass(frozen=True)
class NamedRows:
    """Rows x (N, n) whose n columns have names and kinds ("float", "int", "bool", "text")."""

    values: HostArray
    columns: tuple[str, ...]
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)
