"""bpframe predict: predictions for the rows of a file."""

from __future__ import annotations

from pathlib import Path

import click

from bpframe.cli.local_files import plugin_files
from bpframe.cli.no_plugins import no_plugins


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", "out", type=click.Path(path_type=Path), help="A .csv or .npy to write, not the screen.")
@click.option("--id", "id_column", metavar="COLUMN", help="A column of FILE to write in front of each prediction.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@no_plugins
@plugin_files
def predict(run: Path, file: Path, out: Path | None, id_column: str | None, force: bool) -> None:
    """Predict for the rows of FILE with the model of a RUN folder.

    FILE is a table (.csv, .parquet, ...) with the columns that the model was trained on, or arrays (.npy, .npz). Out
    comes a table: a label and the probability of each class, or predictions; a .npy gets the predictions alone.
    Without --id the column that the config calls data.id is kept, if FILE has it.
    """
    suffix = ".csv" if out is None else out.suffix.lower()
    if out is not None:
        _refuse_output(out, force)
    if suffix == ".npy" and id_column:
        raise click.BadParameter(f"needs a table to write to, got '{out}'. Write a .csv.", param_hint="--id")
    from bpframe.cli.predictions import render_predictions
    from bpframe.cli.rows import errors_of, rows_to_predict
    from bpframe.runs.config import load
    from bpframe.runs.folder import RunFolder
    from bpframe.runs.model import load_model
    from bpframe.saving.atomic import write_file

    folder = RunFolder.existing(run)
    config = load(folder.config)
    trainer = load_model(folder, config)
    rows, name = rows_to_predict(file, config.settings.data, trainer, id_column)
    ids = {} if rows.ids is None else {name: rows.ids}
    with errors_of(file, config.settings.data):
        content = render_predictions(trainer, rows.x, suffix, ids)
    if out is None:
        click.echo(content, nl=False)
        return
    write_file(out, content)
    click.echo(f"{len(rows.x)} rows, {out}")


def _refuse_output(out: Path, force: bool) -> None:
    """BadParameter for a file that cannot be written."""
    if out.suffix.lower() not in (".csv", ".npy"):
        raise click.BadParameter(f"needs a file that ends in .csv or .npy, got '{out}'.", param_hint="-o")
    if out.exists() and not force:
        raise click.BadParameter(f"'{out}' exists. Choose another file, or replace it with --force.", param_hint="-o")
    if not out.parent.is_dir():
        raise click.BadParameter(f"'{out.parent}' is not a folder. Make it first.", param_hint="-o")
