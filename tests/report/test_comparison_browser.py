"""The page of a comparison in headless Chromium: it opens without a network, fits windows, and shows text as text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bpframe.studies import comparison_report
from tests.report.chromium import Browser, Page, chromium
from tests.report.test_comparison_page import HOSTILE, LAYER
from tests.studies.comparison_by_hand import whole_comparison


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a comparison with hostile titles, and a space whose source takes sixty words."""
    found = whole_comparison(*HOSTILE, LAYER)
    found[0]["contestants"][0]["source"] = "word " * 60
    file = tmp_path_factory.mktemp("pages") / "comparison.html"
    file.write_text(comparison_report(found), encoding="utf-8")
    return file


def opened(browser: Browser, file: Path, width: int = 1280, dark: bool = False) -> Page:
    page = browser.page(width, 900, dark)
    page.offline()
    page.open(file.as_uri())
    return page


@pytest.mark.parametrize("dark", [False, True])
def test_a_page_opens_without_a_network_in_light_and_dark(browser: Browser, file: Path, dark: bool) -> None:
    page = opened(browser, file, dark=dark)
    assert page.complaints() == []
    colour = "getComputedStyle(document.body).backgroundColor"
    assert (sum(map(int, page.value(colour)[4:-1].split(","))) < 300) == dark
    page.value("document.getElementById('theme').click()")
    assert (sum(map(int, page.value(colour)[4:-1].split(","))) < 300) != dark
    assert page.complaints() == []


def test_lines_of_rules_have_colours_of_their_own(browser: Browser, file: Path) -> None:
    page = opened(browser, file)
    strokes = page.value("[...document.querySelectorAll('figure .line')].map(line => getComputedStyle(line).stroke)")
    samples = page.value("[...document.querySelectorAll('.sample')].map(sample => getComputedStyle(sample).color)")
    assert len(set(strokes)) == 2
    assert strokes == samples


def test_text_with_markup_is_text(browser: Browser, file: Path) -> None:
    page = opened(browser, file)
    page.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.frame()
    assert page.value("document.querySelectorAll('.planted').length") == 0
    text = page.value("document.body.innerText")
    assert all(name in text for name in (*HOSTILE, LAYER))


@pytest.mark.parametrize("width", [360, 768, 1280, 3840])
def test_a_page_fits_windows_from_a_telephone_to_a_wall(browser: Browser, file: Path, width: int) -> None:
    page = opened(browser, file, width)
    assert page.value("document.documentElement.scrollWidth") <= width
    assert page.value("Math.max(...[...document.querySelectorAll('tr')].map(row => row.clientHeight))") < 700


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(browser: Browser, file: Path, dark: bool) -> None:
    page = opened(browser, file, dark=dark)
    page.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.frame()
    assert page.violations("serious", "critical") == []
