"""bpframe predict: predictions for the rows of a file."""

from __future__ import annotations

from pathlib import Path

import click

from bpframe.cli.no_plugins import no_plugins


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", "out", type=click.Path(path_type=Path), required=True, help="A .csv or .npy to write.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@no_plugins
def predict(run: Path, file: Path, out: Path, force: bool) -> None:
    """Predict for the rows of FILE (.csv, .npy or .npz) with the model of a RUN folder.

    A .csv gets a label and the probability of each class, or predictions; a .npy the predictions alone.
    """
    if out.suffix.lower() not in (".csv", ".npy"):
        raise click.BadParameter(f"needs a file that ends in .csv or .npy, got '{out}'.", param_hint="-o")
    if out.exists() and not force:
        raise click.BadParameter(f"'{out}' exists. Choose another file, or replace it with --force.", param_hint="-o")
    if not out.parent.is_dir():
        raise click.BadParameter(f"'{out.parent}' is not a folder. Make it first.", param_hint="-o")
    from bpframe.cli.predictions import render_predictions
    from bpframe.data.sources.files import read_inputs
    from bpframe.runs.config import load
    from bpframe.runs.folder import RunFolder
    from bpframe.runs.model import load_model
    from bpframe.saving.atomic import write_file

    folder = RunFolder.existing(run)
    config = load(folder.config)
    trainer = load_model(folder, config)
    x = read_inputs(file, config.settings.data.target if file.suffix.lower() == ".csv" else None)
    write_file(out, render_predictions(trainer, x, out.suffix.lower()))
    click.echo(f"{len(x)} rows, {out}")
