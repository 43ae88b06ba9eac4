"""Watching runs: looks at their files that cost little, and what is shown after each."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import final

import click

from bpframe import layout
from bpframe.cli.run_records import run_record, seed_groups
from bpframe.cli.watched_run import HEADER, WatchedRun
from bpframe.report.live_server import LiveServer
from bpframe.report.page import page_data, report_page
from bpframe.report.report_options import ReportOptions
from bpframe.report.run_report import RunReport
from bpframe.runs.run import Run

SHORTEST_SECONDS = 0.5  # between two looks
SHARE = 0.007  # of a core that looking and showing may take


@final
class Watcher:
    """Looks at runs; pauses as long as keeps its work below `SHARE` of a core."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = [WatchedRun(run) for run in runs]
        self._worked: float | None = None  # seconds of the processor at the latest look
        self.look()

    def look(self) -> bool:
        """Whether something is new."""
        news = [run.look() for run in self.runs]  # each of them looks
        return any(news)

    def wait(self) -> bool:
        """Return after the next change; False once no run trains any more."""
        while any(run.state == "training" for run in self.runs):
            now = time.process_time()
            time.sleep(max(SHORTEST_SECONDS, (now - (self._worked or now)) / SHARE))
            self._worked = time.process_time()
            if self.look():
                return True
        return False


def print_once(runs: Sequence[Run]) -> None:
    """The table as it is now."""
    for line in layout.text_table(HEADER, [run.row() for run in Watcher(runs).runs], numbers=len(HEADER) - 2):
        click.echo(line)


def show_live(runs: Sequence[Run]) -> None:
    """The table in the terminal, live."""
    from bpframe.cli.watch_display import live_table

    watcher = Watcher(runs)
    live_table(watcher.runs, watcher.wait)


def serve_page(runs: Sequence[Run], port: int) -> None:
    """The page of a report, live, at an address that is printed; it stays until Ctrl-C, so that it can be read."""
    options, watcher = ReportOptions(), Watcher(runs)
    records = [run_record(run, options, measure=False) for run in runs]
    groups = seed_groups(runs)

    def report() -> RunReport:
        live = [
            record.with_curves(run.curves.arrays(), len(run.curves))
            for record, run in zip(records, watcher.runs, strict=True)
        ]
        return RunReport(live, groups, options, live=True)

    def data() -> str:
        status = {"header": HEADER, "rows": [run.row() for run in watcher.runs]}
        return json.dumps({**page_data(report()), "status": status}, separators=(",", ":"))

    with LiveServer(report_page(report()), port) as server:
        click.echo(f"{server.address}  (Ctrl-C ends it)")
        server.publish(data())
        while watcher.wait():
            server.publish(data())
        click.echo("No run trains any more; the page stays until Ctrl-C.")
        while True:
            time.sleep(3600)
