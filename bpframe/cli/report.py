"""bpframe report: a page about runs, or about a comparison of rules, in one file to send."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bpframe.cli.local_files import plugin_files
from bpframe.cli.no_plugins import no_plugins

if TYPE_CHECKING:
    from bpframe.report.report_options import ReportOptions

MOST_MEASURED = 8  # runs whose models are measured: each takes time, and room on the page


@click.command()
@click.argument("runs", metavar="RUN... | TRIALS.jsonl", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "out",
    type=click.Path(path_type=Path),
    help="The file; by default report.html in RUN, or TRIALS.html beside TRIALS.jsonl.",
)
@click.option("--full", is_flag=True, help="Keep every point of curves, not the least and most of each interval.")
@click.option("--include-rows", is_flag=True, help="Show the rows that the model gets most wrong.")
@click.option("--include-environment", is_flag=True, help="Show machine, host and paths.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@no_plugins
@plugin_files
def report(
    runs: tuple[Path, ...], out: Path | None, full: bool, include_rows: bool, include_environment: bool, force: bool
) -> None:
    """Write a page about runs, or all runs in a folder: one HTML file, which needs no network.

    It has the curves, which zoom, the results with intervals over seeds, what the models get right and wrong, what was
    trained by which code, and the commands that reproduce it. No rows, paths or host name unless asked for.

    Of the file of trials of `bpframe compare`, or a folder that has one and no runs, the page is about the comparison:
    ranking and intervals, values at the horizons, sensitivity to the learning rate, diagnoses.
    """
    from bpframe.cli.comparison_file import comparison_file
    from bpframe.report.report_options import ReportOptions
    from bpframe.saving.atomic import write_file

    trials = comparison_file(runs)
    file = out or _default_file(runs)
    if file.exists() and not force:
        raise click.BadParameter(f"'{file}' exists. Choose another, or replace it with --force.", param_hint="-o")
    options = ReportOptions(include_rows, include_environment, full)
    write_file(file, _page_of_runs(runs, options) if trials is None else _page_of_comparison(trials))
    click.echo(f"{file}")


def _page_of_runs(runs: tuple[Path, ...], options: ReportOptions) -> str:
    from bpframe.cli.run_records import report_of
    from bpframe.report.page import report_page
    from bpframe.runs.run_search import find_runs

    return report_page(report_of(find_runs(runs), options, MOST_MEASURED))


def _page_of_comparison(trials: Path) -> str:
    from bpframe.cli.comparison_file import comparison_records
    from bpframe.studies.comparison_html import comparison_report

    return comparison_report(comparison_records(trials))


def _default_file(runs: tuple[Path, ...]) -> Path:
    if len(runs) > 1:
        raise click.BadParameter("is needed where several folders are named: the file to write.", param_hint="-o")
    return runs[0].with_suffix(".html") if runs[0].is_file() else runs[0] / "report.html"
