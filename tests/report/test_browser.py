"""The page of a report in headless Chromium: it draws, zooms, pans, hears keys, and shows text as text."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import good
from tests.executables import executable
from tests.report.chromium import Browser, Page, chromium
from tests.report.runs_to_report import CLASSES, COLUMNS, NAMES, NUMBERS, long_runs, train_hostile

WIDTHS = (360, 768, 1280, 3840)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of three runs with hostile names, with their worst rows, and of one run on numbers."""
    executable("chromium")
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        good("report", *train_hostile(folder), "-o", "hostile.html", "--include-rows")
        (folder / "numbers.toml").write_text(NUMBERS)
        good("train", "numbers.toml", "--quiet")
        good("report", "runs/numbers", "-o", "numbers.html")
    return {name: folder / f"{name}.html" for name in ("hostile", "numbers")}


def opened(browser: Browser, file: Path, width: int = 1280, dark: bool = False) -> Page:
    """The page of a file, with the network off."""
    page = browser.page(width, 900, dark)
    page.offline()
    page.open(file.as_uri())
    return page


def box(page: Page, number: int = 0) -> tuple[float, float, float, float]:
    """(left, top, width, height) of the area of a plot, which is scrolled to."""
    place = f"report.plots()[{number}].u.over.getBoundingClientRect()"
    page.value(f"report.plots()[{number}].figure.scrollIntoView()")
    return tuple(page.value(f"(r => [r.left, r.top, r.width, r.height])({place})"))


def shown_range(page: Page, number: int = 0) -> tuple[float, float]:
    low, high = page.value(f"report.plots()[{number}].figure.dataset.range").split()
    return float(low), float(high)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["hostile", "numbers"])
def test_a_page_opens_without_a_network_or_a_word_of_the_console(
    browser: Browser, pages: dict[str, Path], name: str, dark: bool
) -> None:
    page = opened(browser, pages[name], dark=dark)
    assert page.complaints() == []
    charts = {"hostile": 3, "numbers": 4}[name]
    assert page.value("report.plots().length") == page.value("document.querySelectorAll('canvas').length") == charts
    colours = page.value("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, colours[4:-1].split(","))) < 300) == dark


def test_every_curve_is_drawn_in_its_colour(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["numbers"])
    drawn = """(() => {
        const plot = report.plots()[0], canvas = plot.u.ctx.canvas;
        const pixels = plot.u.ctx.getImageData(0, 0, canvas.width, canvas.height).data;
        let count = 0;
        for (let i = 0; i < pixels.length; i += 4)
            if (pixels[i] === 11 && pixels[i + 1] === 98 && pixels[i + 2] === 168) count++;
        return count;
    })()"""
    assert page.value(drawn) > 100
    page.value("document.querySelector('.legend button').click()")
    page.frame()
    assert page.value(drawn) == 0


def report_of_norms(folder: Path, *norms: list[float | None]) -> Path:
    """The report of runs on numbers, of different seeds, that differ by a curve `norm`."""
    runs = Path(tempfile.mkdtemp(dir=folder))
    for seed, values in enumerate(norms):
        run = shutil.copytree(folder / "runs/numbers", runs / f"seed-{seed}")
        config = run / "config.toml"
        config.write_text(re.sub(r"^seed = 0$", f"seed = {seed}", config.read_text(), flags=re.MULTILINE))
        history = run / "history.jsonl"
        records = [json.loads(line) for line in history.read_text().splitlines()]
        lines = [json.dumps(record | {"train": {"norm": norm}}) for record, norm in zip(records, values, strict=True)]
        history.write_text("\n".join([*lines, ""]))
    good("report", f"{runs}", "-o", f"{runs / 'norms.html'}")
    return runs / "norms.html"


def test_what_is_measured_now_and_then_is_drawn_as_one_line(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, report_of_norms(pages["numbers"].parent, [1.0, None, 1.0, None, 1.0]))
    chart = page.value("report.plots().findIndex(plot => plot.chart.title === 'norm')")
    page.value(f"window.plot = report.plots()[{chart}]")
    columns = """(() => {
        const canvas = plot.u.ctx.canvas, middle = Math.round(plot.u.valToPos(1, "y", true));
        const pixels = plot.u.ctx.getImageData(0, middle - 2, canvas.width, 4).data, found = new Set();
        for (let i = 0; i < pixels.length; i += 4)
            if (pixels[i] === 11 && pixels[i + 1] === 98 && pixels[i + 2] === 168) found.add((i / 4) % canvas.width);
        return found.size / plot.u.bbox.width;
    })()"""
    assert page.value(columns) > 0.5  # between dashes
    left, top, width, height = box(page, chart)
    page.mouse("mouseMoved", left + width * 0.5, top + height / 2)
    page.frame()
    assert page.value("plot.legend.querySelector('output').textContent") == "1"


def test_layers_of_several_configs_differ_by_their_dashes(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["numbers"])
    page.value("window.plot = report.plots()[0]; 0")
    parts = ["train", "train dense_1", "train dense_2", "train dense_3"]
    page.value(f"plot.update({{...plot.chart, lines: {json.dumps(parts)}.map(part => ({{run: 0, part, curve: 0}}))}})")
    drawn = page.value("plot.u.series.slice(1).map(series => (series.dash || []).join(' ') || 'none')")
    assert len(set(drawn)) == 4
    samples = "[...plot.legend.querySelectorAll('.sample path')].map(path => path.getAttribute('stroke-dasharray'))"
    assert page.value(samples) == drawn


def test_wide_intervals_do_not_flatten_the_lines(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["hostile"])
    page.value("window.plot = report.plots()[0]; 0")
    page.value("plot.u.setData(plot.u.data.map((c, i) => c.map(v => i < 1 ? v : [1, 90, -90][(i - 1) % 3] + 1 / v)))")
    page.frame()
    low, high = page.value("[plot.u.scales.y.min, plot.u.scales.y.max]")
    drawn = page.value("plot.first.flatMap(i => [...plot.u.data[i]])")
    assert min(drawn) - (max(drawn) - min(drawn)) < low <= min(drawn)
    assert max(drawn) <= high < max(drawn) + (max(drawn) - min(drawn))


def test_an_interval_with_0_in_it_reaches_down_a_logarithmic_axis(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, report_of_norms(pages["numbers"].parent, [1.0] * 5, [0.1] * 5))
    page.value("window.plot = report.plots().find(plot => plot.chart.title === 'norm'); 0")
    page.value("[...plot.figure.querySelectorAll('button')].find(one => one.textContent.startsWith('Log')).click()")
    mean, high, low = page.value("[...plot.u.data].slice(1).map(column => [...column])")
    assert mean == pytest.approx([0.55] * 5, rel=2e-5)
    assert all(0 < value < 1e-9 for value in low)
    assert all(value > 5 for value in high)
    assert page.value("plot.u.scales.y.min") > 0.01


def test_lines_that_fill_an_area_are_thin(browser: Browser, pages: dict[str, Path]) -> None:
    folder = Path(tempfile.mkdtemp(dir=pages["numbers"].parent))
    good("report", str(long_runs(folder, str(folder.parent / "numbers.toml"), 1, 300)), "-o", f"{folder}/noise.html")
    page = opened(browser, folder / "noise.html")
    widths = page.value("report.plots().map(plot => [plot.chart.title, ...plot.u.series.slice(1).map(s => s.width)])")
    assert widths == [["loss", 1, 1], ["accuracy", 1, 1], ["learning rate", 2]]
    assert opened(browser, pages["numbers"]).value("report.plots()[0].u.series[1].width") == 2


def test_of_many_lines_each_point_is_drawn_once_nothing_moves(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["numbers"])
    page.value("window.plot = report.plots()[0]; 0")
    page.value(
        "plot.update({...plot.chart, lines: [...Array(30).keys()].map(k => ({run: 0, part: `${k}`, curve: 0}))})"
    )
    page.value(
        "plot.u.setData([...Array(31).keys()].map(k => [...Array(3000).keys()].map(i => k ? Math.sin(i * i + k) : i)))"
    )
    moving, resting, whole = page.value("""(async () => {
        const drawn = () => plot.u.ctx.canvas.toDataURL(), found = [];
        plot.setRange(100, 2900);
        await null;
        found.push(drawn());
        while (plot.stride > 1) await new Promise(next => setTimeout(next, 20));
        await null;
        found.push(drawn());
        plot.u.redraw();
        await null;
        return [...found, drawn()];
    })()""")
    assert moving != resting == whole
    assert page.complaints() == []


def test_numbers_of_the_page_are_those_of_the_history(browser: Browser, pages: dict[str, Path]) -> None:
    import bpframe as bp

    page = opened(browser, pages["numbers"])
    found = page.value("report.plots()[0].u.data.map(column => [...column])")
    history = bp.Run(pages["numbers"].parent / "runs/numbers").history
    assert found[0] == [1, 2, 3, 4, 5]
    assert found[1] == pytest.approx(history.train["loss"], rel=2e-5)


def test_the_mouse_shows_values_zooms_pans_and_shows_all_again(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["hostile"])
    left, top, width, height = box(page)
    middle = top + height / 2
    page.mouse("mouseMoved", left + width * 0.5, middle)
    page.frame()
    assert page.value("report.plots()[0].readout.textContent").startswith("epoch ")
    assert page.value("[...document.querySelectorAll('.legend output')][0].textContent") != ""
    assert shown_range(page) == (1, 12)
    page.drag((left + width * 0.3, middle), (left + width * 0.6, middle))
    low, high = shown_range(page)
    assert 1 + 11 * 0.25 < low < 1 + 11 * 0.35
    assert 1 + 11 * 0.55 < high < 1 + 11 * 0.65
    page.drag((left + width * 0.5, middle), (left + width * 0.7, middle), modifiers=8)
    panned = shown_range(page)
    assert panned[0] < low
    assert panned[1] - panned[0] == pytest.approx(high - low)
    for count in (1, 2):
        for kind in ("mousePressed", "mouseReleased"):
            page.mouse(kind, left + width / 2, middle, button="left", clickCount=count)
    page.frame()
    assert shown_range(page) == (1, 12)


def test_the_keyboard_moves_the_cursor_zooms_and_pans(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["hostile"])
    page.value("report.plots()[0].box.focus()")
    page.key("Home")
    page.key("ArrowRight")
    page.key("ArrowRight")
    assert page.value("report.plots()[0].readout.textContent") == "epoch 3"
    assert page.value("report.plots()[0].spoken.textContent").startswith("epoch 3 mean train ")
    page.key("+")
    low, high = shown_range(page)
    assert high - low == pytest.approx(5.5)
    page.key("PageDown")
    assert shown_range(page)[0] > low
    page.key("0")
    assert shown_range(page) == (1, 12)
    page.key("End")
    assert page.value("report.plots()[0].readout.textContent") == "epoch 12"


def test_tab_reaches_every_plot_and_button(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["numbers"])
    reached = set()
    for _ in range(60):
        page.key("Tab")
        reached.add(page.value("document.activeElement.ariaLabel ?? document.activeElement.textContent"))
    wanted = "[...document.querySelectorAll('.plot-box, .tools button')]"
    labels = page.value(f"{wanted}.map(element => element.ariaLabel ?? element.textContent)")
    assert len(labels) == 20
    assert set(labels) <= reached


def test_each_run_is_shown_where_that_is_asked_for(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["hostile"])
    assert page.value("report.plots()[0].entries.map(e => e.label)") == ["mean train", "mean validation"]
    page.value("report.plots()[0].figure.querySelectorAll('.tools button')[4].click()")
    labels = [f"{name} {part}" for part in ("train", "validation") for name in NAMES]
    assert page.value("report.plots()[0].entries.map(e => e.label)") == labels
    assert page.complaints() == []


def test_text_with_markup_is_text(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["hostile"])
    page.value("document.querySelectorAll('.tools button').forEach(b => b.click())")
    page.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.frame()
    assert page.value("document.querySelectorAll('.planted').length") == 0
    text = page.value("document.body.innerText")
    for name in (*COLUMNS, *CLASSES, *NAMES):
        assert name in text
    assert page.complaints() == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_fits_windows_from_a_telephone_to_a_wall(browser: Browser, pages: dict[str, Path], width: int) -> None:
    for name in pages:
        page = opened(browser, pages[name], width)
        assert page.value("document.documentElement.scrollWidth") <= width
        assert min(page.value("report.plots().map(plot => plot.u.width)")) > 200
    page.resize(700, 900)
    page.frame()
    page.frame()
    assert max(page.value("report.plots().map(plot => plot.u.width)")) < 700


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(browser: Browser, pages: dict[str, Path], dark: bool) -> None:
    for file in pages.values():
        page = opened(browser, file, dark=dark)
        page.value("document.querySelectorAll('details').forEach(d => d.open = true)")
        page.frame()
        assert page.violations("serious", "critical") == []


@pytest.mark.slow
def test_axe_finds_what_is_planted(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["numbers"])
    page.value("document.querySelector('main').append(document.createElement('img'), document.createElement('button'))")
    assert {rule for rule, _ in page.violations("critical")} == {"image-alt", "button-name"}
