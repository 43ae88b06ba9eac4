"""The line of every setting, and the writer whose texts `tomllib` reads back."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpframe.errors import ConfigError
from bpframe.runs.config.toml_lines import line_numbers, statements
from bpframe.runs.config.toml_writer import dumps

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
documents = st.dictionaries(texts, values, max_size=5)
bare = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
settings_only = st.dictionaries(bare, scalars | st.lists(scalars, max_size=2), max_size=4)
configs = st.dictionaries(bare, settings_only | st.lists(settings_only, min_size=1, max_size=3), max_size=4)


def same(a: Any, b: Any) -> bool:
    """Equal in type and value, NaN to NaN and -0.0 to -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    return bool(a == b)


def leaves(tables: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(path, key, value) of each setting in tables and arrays of tables."""
    for name, table in tables.items():
        parts = [(name, table)] if isinstance(table, dict) else [(f"{name}[{i}]", t) for i, t in enumerate(table)]
        for path, part in parts:
            for key, value in part.items():
                yield f"{path}.{key}", key, value


@given(documents)
def test_what_is_written_is_read_back_exactly(document: dict[str, Any]) -> None:
    assert same(tomllib.loads(dumps(document)), document)


@given(configs)
def test_the_line_of_a_setting_holds_that_setting(config: dict[str, Any]) -> None:
    text = dumps(config)
    lines = line_numbers(text)
    for path, key, value in leaves(config):
        assert same(tomllib.loads(text.split("\n")[lines[path] - 1]), {key: value})


def test_none_is_left_out() -> None:
    text = dumps({"a": None, "b": {"c": None, "d": {"e": None, "f": 1}}, "g": [{"h": None, "i": 2}]})
    assert tomllib.loads(text) == {"b": {"d": {"f": 1}}, "g": [{"i": 2}]}


def test_lists_of_tables_become_arrays_of_tables() -> None:
    text = dumps({"model": {"layers": [{"name": "dense", "activation": {"name": "elu"}}, {"name": "dense"}]}})
    layers = '[[model.layers]]\nname = "dense"\nactivation = { name = "elu" }\n\n[[model.layers]]\nname = "dense"\n'
    assert text == layers


@pytest.mark.parametrize("value", [b"bytes", object(), {1, 2}, [None]])
def test_what_toml_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="needs texts, numbers, booleans"):
        dumps({"a": value})


DOCUMENT = '''\
# a comment with [brackets] and a "quote
top = 1

[data]   # after a header
"target" = """
[model]
fake = 1 \\""" still
"""
source.name = 'spi[ral'
source.points = 3
[[model.layers]]
name = "dense"
units = [
  1,  # ] comment
  { a = 2 },
]
[[model.layers]]
[model.layers.activation]
name = "elu"
[[model.layers.inner]]
[[model.layers.inner]]
x = 1
[ "quoted.key" . b ]
c = """two quotes at the end"""""
d = 5'''

LINES = {
    "top": 2,
    "data": 4,
    "data.target": 5,
    "data.source": 9,
    "data.source.name": 9,
    "data.source.points": 10,
    "model": 11,
    "model.layers": 11,
    "model.layers[0]": 11,
    "model.layers[0].name": 12,
    "model.layers[0].units": 13,
    "model.layers[1]": 17,
    "model.layers[1].activation": 18,
    "model.layers[1].activation.name": 19,
    "model.layers[1].inner": 20,
    "model.layers[1].inner[0]": 20,
    "model.layers[1].inner[1]": 21,
    "model.layers[1].inner[1].x": 22,
    "quoted.key": 23,
    "quoted.key.b": 23,
    "quoted.key.b.c": 24,
    "quoted.key.b.d": 25,
}


def test_every_path_has_the_line_it_is_first_named_on() -> None:
    tomllib.loads(DOCUMENT)  # the document is valid
    assert line_numbers(DOCUMENT) == LINES


@pytest.mark.parametrize(
    ("text", "depth"), [("a = 1", 0), ("a = [[1], {b = [2]}]", 3), ('a = "[[[["', 0), ("[a.b]", 1)]
)
def test_the_depth_of_a_statement_counts_its_brackets(text: str, depth: int) -> None:
    assert [statement.depth for statement in statements(text)] == [depth]
