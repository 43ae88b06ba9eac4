"""The page of a derivation in headless Chromium: touch and keys show where a number came from, and names are text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bpframe.network.derivation.derivation import Derivation
from tests.network.test_derivation_page import hostile_derivation
from tests.report.chromium import Browser, Page, chromium

SEEN = """(() => {
    const marked = name => [...new Set([...document.querySelectorAll(`button.${name}`)].map(b => b.dataset.k))].sort();
    const panel = document.getElementById("panel");
    return {from: marked("from"), into: marked("into"), here: marked("here"), hidden: panel.hidden,
        text: panel.textContent, formulas: panel.querySelectorAll("math").length,
        focus: document.activeElement.dataset.k, drawn: [...document.querySelectorAll(".hit")].map(e => e.dataset.n)};
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def derivation() -> Derivation:
    return hostile_derivation()


@pytest.fixture(scope="module")
def file(derivation: Derivation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "row.html"
    derivation.save(path)
    return path


def opened(browser: Browser, file: Path, width: int = 1280, dark: bool = False) -> Page:
    page = browser.page(width, 900, dark)
    page.offline()
    page.open(file.as_uri())
    return page


def touched(page: Page, key: str) -> Any:
    """What is seen once the mouse has pressed a number."""
    at = f"document.querySelector('[data-k=\"{key}\"]')"
    page.value(f"{at}.scrollIntoView({{block: 'center'}})")
    x, y = page.value(f"(r => [r.left + r.width / 2, r.top + r.height / 2])({at}.getBoundingClientRect())")
    page.mouse("mouseMoved", x, y)
    for kind in ("mousePressed", "mouseReleased"):
        page.mouse(kind, x, y, button="left", clickCount=1)
    page.frame()
    return page.value(SEEN)


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True), (3840, False)])
def test_the_page_opens_without_a_network_or_a_word_of_the_console(
    browser: Browser, file: Path, width: int, dark: bool
) -> None:
    page = opened(browser, file, width, dark)
    assert page.complaints() == []
    assert page.value("document.documentElement.scrollWidth <= innerWidth")
    assert page.value("document.title") == "Row 5 of <part>: backpropagation, worked"
    colours = page.value("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, colours[4:-1].split(","))) < 300) == dark


def test_a_touched_number_shows_what_made_it_and_what_it_makes(
    browser: Browser, file: Path, derivation: Derivation
) -> None:
    page = opened(browser, file)
    assert page.value(SEEN)["hidden"]
    first, second = derivation.content.layers[0].units, derivation.content.layers[1].units
    weight = f"w-2-{first[0]}.{second[0]}"
    for key in (f"u-2-{second[0]}", f"delta-1-{first[1]}", f"dv-1-{first[0]}", weight, f"d{weight}", "L--"):
        number, seen = derivation.numbers[key], touched(page, key)
        assert seen["here"] == [key]
        assert seen["from"] == sorted(number.sources)
        assert seen["into"] == sorted(
            n.key for n in derivation.numbers.values() if key in n.sources and n.key != "lr--"
        )
        assert f"{number.value:.5g}".replace("-", "\u2212") in seen["text"]
        assert seen["formulas"] >= 1
        assert key == "L--" or seen["drawn"]
    assert page.complaints() == []


def test_a_finite_difference_and_an_update_say_what_they_are(
    browser: Browser, file: Path, derivation: Derivation
) -> None:
    page = opened(browser, file)
    entry = f"3-{derivation.content.layers[2].inputs[0]}.0"
    assert "no derivation" in touched(page, f"measured-w-{entry}")["text"]
    assert "after the update by adam" in touched(page, f"after-w-{entry}")["text"]
    assert touched(page, "v-0-0")["text"].endswith("given: <script>document.title='taken'</script>")


def test_keys_go_from_number_to_number_and_close_the_panel(
    browser: Browser, file: Path, derivation: Derivation
) -> None:
    page = opened(browser, file)
    first = derivation.content.layers[0].units
    touched(page, f"u-1-{first[0]}")
    seen = []
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp"):
        page.key(key)
        seen.append(page.value(SEEN))
    expected = [f"v-1-{first[0]}", f"v-1-{first[1]}", f"u-1-{first[1]}", f"u-1-{first[0]}", f"u-1-{first[0]}"]
    assert [each["focus"] for each in seen] == expected
    assert [each["here"] for each in seen] == [[key] for key in expected]
    page.key("Tab")
    assert page.value(SEEN)["focus"].startswith("w-1-")  # the next table, by one stop
    page.key("Escape")
    closed = page.value(SEEN)
    assert closed["hidden"]
    assert not closed["here"] + closed["from"] + closed["into"] + closed["drawn"]


def test_no_markup_of_a_name_becomes_an_element_or_runs(browser: Browser, file: Path, derivation: Derivation) -> None:
    page = opened(browser, file)
    for key in derivation.numbers:
        if key.startswith(("v-0", "p-", "y-")):
            touched(page, key)
    assert page.value("document.title") == "Row 5 of <part>: backpropagation, worked"
    assert page.value("document.querySelectorAll('img, b b, i, part').length") == 0
    assert page.value("document.scripts.length") == 2


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(browser: Browser, file: Path, dark: bool) -> None:
    page = opened(browser, file, dark=dark)
    touched(page, "u-3-0")
    assert page.violations("serious", "critical") == []
