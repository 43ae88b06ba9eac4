"""bpframe evaluate: measure the model of a run again."""

from __future__ import annotations

from pathlib import Path

import click

from bpframe.cli.local_files import plugin_files
from bpframe.cli.no_plugins import no_plugins


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--target", metavar="COLUMN", help="The column of FILE that is predicted, if not the run's own.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@no_plugins
@plugin_files
def evaluate(run: Path, file: Path | None, target: str | None, as_json: bool) -> None:
    """Measure the model of a RUN folder again, on all rows of FILE if one is given.

    Otherwise on the run's test part; without one on its validation part, and without that on all its rows.
    """
    if target is not None and file is None:
        raise click.BadParameter("needs a FILE whose column it names.", param_hint="--target")
    from bpframe.cli.rows import errors_of, rows_to_measure
    from bpframe.cli.score import Score, require_finite_loss, score
    from bpframe.runs.config import load
    from bpframe.runs.folder import RunFolder
    from bpframe.runs.model import load_model
    from bpframe.saving.json_values import to_json

    folder = RunFolder.existing(run)
    config = load(folder.config)
    trainer = load_model(folder, config)
    if file is None:
        measured = score(trainer, config.data())
    else:
        rows = rows_to_measure(file, config.settings.data, trainer, target)
        with errors_of(file, config.settings.data):
            measured = Score.of(trainer, "file", rows.x, rows.y, rows.weight)
    if as_json:
        click.echo(to_json({"part": measured.part, "rows": measured.rows, **measured.values}))
    else:
        click.echo(f"{measured.summary} ({measured.rows} rows)")
    require_finite_loss(measured)
