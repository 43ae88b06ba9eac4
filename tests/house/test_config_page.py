"""The page on the config file has every key of the schema, with its type, default and meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

import pytest

from bpframe.protocols import Layer
from bpframe.runs.config import schema
from bpframe.training.parameter_groups import ParameterGroup
from tools.reference import config

TABLES = [cls for cls in vars(schema).values() if is_dataclass(cls) and cls.__module__ == schema.__name__]
PAGE = "\n\n".join(config.config_page())


@pytest.mark.parametrize("cls", [*TABLES, ParameterGroup], ids=lambda cls: cls.__name__)
def test_every_key_has_a_row_and_a_meaning(cls: Any) -> None:
    told = config.meanings(cls)
    assert [f.name for f in fields(cls) if not told.get(f.name)] == []
    for f in fields(cls):
        assert f"| `{f.name}` | {config.type_text(cls, f)} | {config.default_text(f)} | " in PAGE
    assert not set(told) - {f.name for f in fields(cls)}, "a key that is gone has a meaning"


def test_every_table_has_a_section() -> None:
    headings = " ".join(re.findall(r"^## (.*)$", PAGE, re.MULTILINE))
    for name in ("[data]", "[data.validation]", "[model]", "[train.checkpoint]", "[[groups]]", "[plugins]"):
        assert f"`{name}`" in headings


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A table; `more`: what is
    said in a sentence.

    depth  how deep
           it goes
    """

    depth: int = field(default=3, metadata=schema.minimum(2))
    more: Sequence[Layer] | None = None
    kind: Literal["a", "b"] = "a"
    needed: float | str


def test_a_key_that_is_added_is_on_the_page() -> None:
    page = "\n".join(config.section("Sample", Sample, ""))
    assert "\nA table.\n" in page
    assert "| `depth` | whole number of at least 2 | `3` | how deep it goes |" in page
    assert "| `more` | list of [layers](layers.md) |  | what is said in a sentence |" in page
    assert '| `kind` | `"a"` or `"b"` | `"a"` |  |' in page
    assert "| `needed` | number or text | required |  |" in page
