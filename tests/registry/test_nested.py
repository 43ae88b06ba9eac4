"""The walk over the components inside a component, and what counts as a schedule."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import bpframe as bp
from bpframe.registry.nested import classes, is_schedule, parts, walk

ROOT = Path(__file__).parents[2]
COSINE = bp.schedules.cosine(initial=0.1, steps=5)


def names(kind, component, path=""):
    return [(where, what, type(part).__name__) for where, what, part in walk(kind, component, path)]


def test_the_walk_gives_a_component_before_what_it_holds_with_dotted_paths():
    inner = [bp.layers.dense(3, activation="elu"), bp.layers.dropout(0.1)]
    assert names("layer", bp.layers.sequential(inner), "model.layers[2]") == [
        ("model.layers[2]", "layer", "Sequential"),
        ("model.layers[2].layers[0]", "layer", "Dense"),
        ("model.layers[2].layers[0].activation", "activation", "Elu"),
        ("model.layers[2].layers[0].weight_initializer", "initializer", "GlorotUniform"),
        ("model.layers[2].layers[0].bias_initializer", "initializer", "Zeros"),
        ("model.layers[2].layers[1]", "layer", "Dropout"),
    ]


def test_a_schedule_in_the_place_of_a_number_is_inside():
    rule = bp.optimizers.lookahead(inner=bp.optimizers.sgd(lr=COSINE))
    assert names("optimizer", rule) == [
        ("", "optimizer", "Lookahead"),
        ("inner", "optimizer", "Sgd"),
        ("inner.lr", "schedule", "Cosine"),
    ]


def test_parts_are_those_directly_inside_and_may_be_specifications_still():
    ready = type(bp.layers.dense(3))(3, activation="tanh")
    assert next((name, kind) for name, kind, _ in parts(ready)) == ("activation", "activation")
    assert names("layer", ready)[1] == ("activation", "activation", "str")


def test_classes_are_those_of_all_parts():
    found = {cls.__name__ for cls in classes([bp.layers.dense(3, activation="relu"), None])}
    assert found == {"Dense", "Relu", "GlorotUniform", "Zeros"}


@pytest.mark.parametrize(("value", "expected"), [(COSINE, True), (0.1, False), (None, False), ("cosine", False)])
def test_a_schedule_is_told_from_a_number(value, expected):
    assert is_schedule(value) is expected


def test_the_core_asks_in_one_place_whether_a_value_is_a_schedule():
    def asks(file: Path) -> bool:
        calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
        return any(ast.unparse(call).startswith("hasattr(") and "'value')" in ast.unparse(call) for call in calls)

    files = [file for file in (ROOT / "bpframe").rglob("*.py") if asks(file)]
    assert [file.relative_to(ROOT).as_posix() for file in files] == ["bpframe/registry/nested.py"]
