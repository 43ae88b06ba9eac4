"""The page of a derivation: what is in it, that names are text, that it asks for nothing, and what a browser does."""

from __future__ import annotations

import html
import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.data.columns import NamedRows
from bpframe.network.derivation.derivation import Derivation
from tests.export.programs import tool

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


# in a browser

STEPS = """
<script>
addEventListener("load", () => {
  const at = (key) => document.querySelector(`[data-k="${key}"]`);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const marked = (name) => [...new Set(all(`button.${name}`).map((b) => b.dataset.k))].sort();
  const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const panel = document.getElementById("panel"), result = { hidden: panel.hidden };
  at("KEY").click();
  result.touched = { from: marked("from"), into: marked("into"), here: marked("here"), text: panel.textContent };
  result.math = panel.querySelectorAll("math").length;
  at("u-1-UNIT").focus();
  press("ArrowRight");
  result.right = document.activeElement.dataset.k;
  result.focused = marked("here");
  press("ArrowDown");
  result.down = document.activeElement.dataset.k;
  press("Escape");
  result.closed = panel.hidden && !marked("from").length;
  result.wide = document.documentElement.scrollWidth <= innerWidth;
  const stops = (table) => table.querySelectorAll("button[tabindex='0']").length;
  result.reachable = all("table").every((table) => stops(table) === 1);
  result.title = document.title;
  const out = document.createElement("pre");
  out.id = "result";
  out.textContent = JSON.stringify(result);
  document.body.append(out);
});
</script></body>
"""


def browse(page: Path, width: int = 1200, *more: str) -> tuple[str, str]:
    """(the page after its scripts, what it wrote to the console) in headless Chromium without a network."""
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom", *more]
    options += [
        f"--window-size={width},900",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={page.parent}/p",
    ]
    made = subprocess.run([tool("chromium"), *options, page.as_uri()], capture_output=True, text=True, timeout=120)
    console = [line for line in made.stderr.splitlines() if "CONSOLE" in line]
    return made.stdout, "\n".join(console)


@pytest.mark.slow
@pytest.mark.parametrize("width", [500, 3840])
def test_a_touched_number_shows_in_a_browser_where_it_came_from_and_the_keyboard_does_too(derivation, tmp_path, width):
    unit = derivation.content.layers[0].units
    text = re.sub(r"<meta http-equiv[^>]*>", "", derivation.html())  # so that the test's own script runs
    key = f"delta-1-{unit[1]}"
    file = tmp_path / "row.html"
    file.write_text(text.replace("</body>", STEPS.replace("KEY", key).replace("UNIT", str(unit[0]))), encoding="utf-8")
    shown, console = browse(file, width)
    assert console == ""
    found = re.search(r'<pre id="result">(.+?)</pre>', shown, re.DOTALL)
    assert found, shown[-2000:]
    result = json.loads(html.unescape(found[1]))
    assert result["hidden"]
    assert result["touched"]["here"] == [key]
    assert result["touched"]["from"] == sorted(derivation.numbers[key].sources)
    using = [other.key for other in derivation.numbers.values() if key in other.sources]
    assert result["touched"]["into"] == sorted(using)
    assert result["math"] == 2
    shown_value = f"{derivation.numbers[key].value:.5g}".replace("-", "−")  # noqa: RUF001
    assert shown_value in result["touched"]["text"]
    assert (result["right"], result["focused"]) == (f"v-1-{unit[0]}", [f"v-1-{unit[0]}"])
    assert result["down"] == f"v-1-{unit[1]}"
    assert result["closed"]
    assert result["wide"]
    assert result["reachable"]
    assert result["title"] == "Row 5 of <part>: backpropagation, worked"


@pytest.mark.slow
def test_the_page_as_it_is_has_no_console_error_and_no_name_runs(derivation, tmp_path):
    file = tmp_path / "row.html"
    derivation.save(file)
    shown, console = browse(file)
    assert console == ""
    assert "<title>Row 5 of &lt;part&gt;: backpropagation, worked</title>" in shown
    assert 'tabindex="-1"' in shown  # its own script ran
