"""A finding about a plugin: what is the matter, whose it is, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Finding:
    """`name`: the fault in few words, the same each time; `text`: what is the matter here; `remedy`: what helps.

    `serious`: whether it is a fault; otherwise it is worth knowing.
    """

    dist: str
    name: str
    text: str
    remedy: str = ""
    serious: bool = True

    def __str__(self) -> str:
        remedy = f" {self.remedy}" if self.remedy else ""
        text = self.text if self.text.endswith((".", "!", "?")) else f"{self.text}."
        return f"{'!' if self.serious else '-'} {self.name}: {text}{remedy}"
