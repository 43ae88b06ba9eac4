"""The page of a report: how large it is, how soon it is there and open, and how it pans.

    python -m tests.benchmarks.report_page

Budgets: 5 runs x 10,000 epochs x 4 curves below 400 kB, made in 2 s, open in 1 s; 250 runs x 1,000 points pan within
100 ms. Needs chromium. A page has two lines of a run in a plot.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.cli.commands import SMALL
from tests.report.chromium import Page, chromium
from tests.report.runs_to_report import long_runs

PANNED = """(async () => {
    const plot = report.plots()[0], times = [];
    plot.setRange(100, 600);
    for (let i = 0; i < 20; i++) {
        await new Promise(next => requestAnimationFrame(() => setTimeout(next, 0)));
        const start = performance.now();
        plot.shift(0.02);
        await new Promise(next => requestAnimationFrame(() => setTimeout(next, 0)));
        times.push(performance.now() - start);
    }
    return times;
})()"""


def made(folder: Path, runs: int, epochs: int) -> tuple[Path, float]:
    """(the page of such runs, seconds of the processor that the command took)."""
    (folder / "small.toml").write_text(SMALL)
    long_runs(folder, str(folder / "small.toml"), runs, epochs)
    command = [sys.executable, "-m", "bpframe", "report", "long", "-o", "report.html"]
    start = os.times()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    end = os.times()
    return folder / "report.html", end.children_user + end.children_system - start.children_user - start.children_system


def opened(page: Page, file: Path) -> float:
    """Seconds until two frames of a page are drawn, with the network off."""
    page.offline()
    start = time.perf_counter()
    page.open(file.as_uri())
    return time.perf_counter() - start


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as place, chromium(Path(place)) as browser:
        for runs, epochs in ((5, 10_000), (250, 1000)):
            folder = Path(place) / str(runs)
            folder.mkdir()
            file, seconds = made(folder, runs, epochs)
            page = browser.page()
            opening = opened(page, file)
            page.value("document.querySelectorAll('.tools button')[4].click()")  # each run
            times = page.value(PANNED)
            said = f"{len(page.complaints())} words of the console"
            size = f"{file.stat().st_size / 1000:,.0f} kB, made in {seconds:.2f} s, open in {opening:.2f} s"
            panned = f"pans in {sorted(times)[len(times) // 4]:.0f} ms, which one in four is faster than"
            print(f"{runs} runs x {epochs:,} epochs x 4 curves: {size}, {panned}, {said}")


if __name__ == "__main__":
    main()
