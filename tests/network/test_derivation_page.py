"""The page of a derivation: what is in it, that names are text, and that it asks for nothing."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.data.columns import NamedRows
from bpframe.network.derivation.derivation import Derivation

HOSTILE = ["<script>document.title='taken'</script>", '"><img src=x onerror="document.title=\'taken\'">', "a & b </td>"]
LABELS = np.array(["</script><script>document.title='taken'</script>", "<b>bold</b>", "it's"])
VOID = {"meta", "img", "br", "hr", "input", "link"}


class Page(HTMLParser):
    """The elements of a page, that every one is closed, and its text by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    @property
    def numbers(self) -> dict[str, list[Any]]:
        """What the page's own script reads."""
        kept = [text for tag, text in self.texts if tag == "script" and text.startswith("{")]
        found: dict[str, list[Any]] = json.loads("".join(kept))["numbers"]
        return found


@pytest.fixture(scope="module")
def derivation() -> Derivation:
    """A row of columns and classes whose names are markup."""
    return hostile_derivation()


def hostile_derivation() -> Derivation:
    """The same for other tests."""
    rng = np.random.default_rng(0)
    x, y = NamedRows(rng.normal(size=(12, 3)), tuple(HOSTILE), ("float",) * 3), LABELS[np.arange(12) % 3]
    layers = [bp.layers.dense(9, activation="tanh", label="<i>first"), bp.layers.dense(3, activation="softmax")]
    layers.append(bp.layers.dense(3))
    trainer = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", "adam", dtype="float64")
    trainer.fit(x, y, epochs=2, verbose=0)
    return trainer.trace(x, y).explain(5, units=4).numbered(5, "<part>")


def test_every_number_of_the_derivation_is_on_the_page_to_be_touched(derivation):
    page = Page(derivation.html())
    touched = {attrs["data-k"] for tag, attrs in page.elements if tag == "button"}
    assert touched == set(derivation.numbers) - {"lr--"}
    for key, number in derivation.numbers.items():
        letter, layer, index, value, terms, function, rest, left, name = page.numbers[key]
        assert (letter, layer, tuple(index), value) == (number.letter, number.layer, number.index, number.value)
        assert [(t[0], tuple(t[1:])) for t in terms] == [(t.sign, t.factors) for t in number.terms]
        assert (function, rest, left, name) == (number.function, number.rest, number.left_out, number.name)


def test_a_button_shows_its_number(derivation):
    text = derivation.html()
    for found, shown in re.findall(r'data-k="([^"]+)" aria-label="[^"]*">([^<]+)</button>', text):
        key = html.unescape(found)
        assert float(shown.replace("−", "-")) == float(f"{derivation.numbers[key].value:.4g}")  # noqa: RUF001


def test_the_drawing_has_a_circle_for_each_unit_and_a_line_for_each_weight_that_is_shown(derivation):
    drawn = [attrs["data-n"] for _, attrs in Page(derivation.html()).elements if "data-n" in attrs]
    units = [name for name in drawn if str(name).startswith("unit-")]
    lines = [name for name in drawn if str(name).startswith("w-")]
    assert len(units) == 3 + 4 + 3 + 3
    assert sorted(map(str, lines)) == sorted(key for key in derivation.numbers if key.startswith("w-"))


def test_the_page_asks_for_nothing_from_outside_and_runs_its_own_script_alone(derivation):
    text = derivation.html()
    page = Page(text)
    assert not [a for _, attrs in page.elements for a in attrs if a in ("src", "href", "srcset", "onclick", "style")]
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/1998/Math/MathML"}  # a namespace
    assert "url(" not in text
    assert "@import" not in text
    policy = next(attrs["content"] for _, attrs in page.elements if attrs.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_markup_in_names_of_columns_classes_layers_and_files_is_text(derivation):
    page = Page(derivation.html())
    assert [tag for tag, _ in page.elements if tag in ("img", "i", "part")] == []
    assert [tag for tag, _ in page.elements].count("script") == 2
    texts = {text for _, text in page.texts}
    assert {*HOSTILE, *LABELS} <= texts
    assert "Row 5 of <part>: backpropagation, worked" in texts
    assert [page.numbers[f"v-0-{i}"][8] for i in range(3)] == HOSTILE


def test_a_number_that_is_not_finite_is_shown_as_what_it_is():
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)], inputs=1), "mse", dtype="float64")
    trainer.parameters["dense_1/weight"] = np.array([[1e200]])
    derivation = trainer.trace(np.array([[1.0]]), np.array([0.0])).explain(0)
    page = Page(derivation.html())
    assert page.numbers["L--"][3] == "inf"
    assert ("button", "inf") in page.texts


def test_a_notebook_gets_the_page_in_a_frame(derivation):
    frame = derivation._repr_html_()
    found = re.fullmatch(r'<iframe srcdoc="([^"]*)" sandbox="allow-scripts" [^<>]*></iframe>', frame, re.DOTALL)
    assert found
    assert html.unescape(found[1]) == derivation.html()


def test_save_writes_the_page(derivation, tmp_path):
    derivation.save(tmp_path / "row.html")
    assert (tmp_path / "row.html").read_text(encoding="utf-8") == derivation.html()
