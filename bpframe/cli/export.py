"""bpframe export: the model of a run as a file that needs no bpframe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bpframe.cli.local_files import plugin_files
from bpframe.cli.no_plugins import no_plugins


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", "out", type=click.Path(path_type=Path), required=True, help="The file to write.")
@click.option("--opset", type=int, help="Of .onnx: the operators of this opset, 21 or newer.")
@click.option("--train", is_flag=True, help="Of .onnx: one step of training, not what the model predicts.")
@click.option("--steps", type=int, metavar="N", help="With --train: write down the settings of so many steps.")
@click.option("--exporter", metavar="NAME", help="An exporter by name, not by the suffix of the file.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@no_plugins
@plugin_files
def export(run: Path, out: Path, exporter: str | None, force: bool, **given: Any) -> None:
    """Write the model of a RUN folder in another form: .onnx, .py, .h or .mjs.

    What it holds predicts as the run does: scores, predictions and labels from rows of numbers, in the order of the
    columns that the model was trained on. The run's lock goes with it where the form has a place for it.
    """
    from bpframe.export.front import export as write
    from bpframe.runs.config import load
    from bpframe.runs.folder import RunFolder
    from bpframe.runs.model import load_model

    folder = RunFolder.existing(run)
    trainer = load_model(folder, load(folder.config))
    settings = {name: value for name, value in given.items() if value}
    lock = {"bpframe.lock": folder.lock.read_text(encoding="utf-8")} if folder.lock.exists() else {}
    write(trainer, out, exporter=exporter, force=force, metadata=lock, **settings)
    click.echo(f"{out}")
