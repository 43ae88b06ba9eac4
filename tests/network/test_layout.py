"""Tables fit the terminal, and show in a notebook: what networks, traces and trainers print."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import bpframe as bp
from bpframe import layout

X = np.random.default_rng(0).normal(size=(300, 20))
Y = X[:, :3]
HEADER, ROWS = ("name", "what it is", "n"), [("a", "some words in a row that is long", "12"), ("bc", "few", "3")]


def trained() -> Any:
    layers = [bp.layers.dense(30, activation="relu", weight_initializer="orthogonal"), bp.layers.dense(3)]
    trainer = bp.Trainer(bp.Network(layers), "mse", "adam", callbacks=["early_stopping"], metrics=["r2", "mae"])
    trainer.fit(X, Y, epochs=30, validation=(X, Y))
    return trainer


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    trainer = trained()
    trace = trainer.trace(X, Y)
    found = bp.lr_range_test(trainer, X, Y)
    return {
        "trainer": trainer,
        "network": trainer.network,
        "history": trainer.history,
        "trace": trace,
        "layer": trace["dense_1"],
        "range": found,
    }


NAMES = ("trainer", "network", "history", "trace", "layer", "range")


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_printed_fits_the_terminal(name: str, width: int, shown: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(layout, "terminal_width", lambda: width)
    lines = str(shown[name]).splitlines()
    assert max(map(len, lines)) <= width
    assert 3 < len(lines) < 60


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_has_small_plain_well_formed_html(name: str, shown: Any) -> None:
    html = shown[name]._repr_html_()
    tags = {element.tag for element in ElementTree.fromstring(f"<div>{html}</div>").iter()}
    drawn = {"svg", "path", "polyline", "text"} if name == "history" else set()
    assert tags - {"div", "table", "caption", "thead", "tbody", "tr", "th", "td"} == drawn
    assert len(html) < 6000


@pytest.mark.parametrize("name", ["history", "trace", "layer", "range"])
def test_the_prompt_shows_a_line(name: str, shown: Any) -> None:
    assert re.fullmatch(r"<\w+ of .*>", repr(shown[name]))
    assert len(repr(shown[name])) < 200


def test_the_prompt_shows_a_summary_as_lines(shown: Any) -> None:
    summary = shown["network"].summary()
    assert repr(summary) == str(summary) == str(shown["network"])
    assert isinstance(summary, str)
    assert len(summary.splitlines()) == 4


def test_a_trainer_tells_its_parts_and_how_far_it_is(shown: Any) -> None:
    lines = str(shown["trainer"]).splitlines()
    assert "optimizer  adam()" in lines
    assert "metrics    r2(), mae()" in lines
    assert lines[-1].startswith("epochs     30, train.loss 0.")


def test_parts_that_nobody_registered_have_the_name_of_their_class() -> None:
    class Mine:
        """A callback."""

        @bp.hookimpl
        def bpframe_fit_end(self, state: Any) -> None:
            """Nothing."""

    assert "callbacks  Mine" in str(bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", callbacks=[Mine()]))


def test_text_of_others_is_escaped_in_html() -> None:
    assert layout.html_table(("<b>",), [("a & b",)], "<i>") == (
        "<table><caption>&lt;i&gt;</caption><thead><tr><th>&lt;b&gt;</th></tr></thead>"
        "<tbody><tr><td>a &amp; b</td></tr></tbody></table>"
    )


def test_a_trace_gives_a_layer_by_label_and_names_those_it_has(shown: Any) -> None:
    trace = shown["trace"]
    assert trace["dense_2"] is trace.layers[1] is trace[1] is trace[-1]
    assert len(trace) == 2
    with pytest.raises(KeyError, match=r"no layer 'dense'\. Layers: dense_1, dense_2"):
        trace["dense"]


# ------------------------------------------------------------------------------------------------------ the tables


def test_without_a_width_each_row_is_a_line() -> None:
    assert layout.text_table(HEADER, ROWS, numbers=1) == [
        "name  what it is                         n",
        "a     some words in a row that is long  12",
        "bc    few                                3",
    ]


def test_the_column_to_wrap_is_broken_between_words() -> None:
    assert layout.text_table(HEADER, ROWS, 36, wrap=1) == [
        "name  what it is                  n",
        "a     some words in a row that    12",
        "      is long",
        "bc    few                         3",
    ]


def test_where_there_is_no_room_it_stands_below() -> None:
    assert layout.text_table(HEADER, ROWS, 24, wrap=1) == [
        *("name  n", "    what it is", "a     12", "    some words in a row", "    that is long", "bc    3", "    few")
    ]


def test_without_a_column_to_wrap_the_right_ones_are_left_out() -> None:
    assert layout.text_table(HEADER, ROWS, 39, numbers=1)[1:] == ["a     some words in a row that is long", "bc    few"]


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(3, 5, [0, 1, 2]), (5, 5, [0, 1, 2, 3, 4]), (9, 5, [0, 1, None, 7, 8]), (0, 5, [])],
)
def test_an_excerpt_has_both_ends(count: int, most: int, expected: list[int | None]) -> None:
    assert layout.excerpt(count, most) == expected
