"""bpframe trace: backpropagation with the numbers of one row of a run."""

from __future__ import annotations

from pathlib import Path

import click

from bpframe.cli.local_files import plugin_files
from bpframe.cli.no_plugins import no_plugins

PARTS = ("test", "validation", "train")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--row", type=int, default=0, show_default=True, help="Which row, from 0; -1 is the last.")
@click.option("--part", type=click.Choice(PARTS), help="Of which part; left out, as `bpframe evaluate` chooses.")
@click.option("--units", type=click.IntRange(1), help="Show at most so many units of a layer; 8, or 4 in a terminal.")
@click.option("--target", metavar="COLUMN", help="The column of FILE that is predicted, if not the run's own.")
@click.option("-o", "--output", "out", type=click.Path(path_type=Path), help="A page to write (.html), not the screen.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@no_plugins
@plugin_files
def trace(
    run: Path,
    file: Path | None,
    row: int,
    part: str | None,
    units: int | None,
    target: str | None,
    out: Path | None,
    force: bool,
) -> None:
    """Work through backpropagation with the numbers of one row: of a RUN's data, or of FILE.

    Forward and back through every layer, each gradient beside its finite difference, the update by the run's own rule
    with this row alone, and the loss after it. A page is one file that needs no network: touching a number shows where
    it came from.
    """
    for given, name in ((target, "--target"), (part, "--part")):
        if given is not None and (file is None) is (name == "--target"):
            needs = "needs a FILE whose column it names." if name == "--target" else "is of the run's data: no FILE."
            raise click.BadParameter(needs, param_hint=name)
    if out is not None:
        _refuse_output(out, force)
    from bpframe.cli.row_choice import derivation_of
    from bpframe.runs.config import load
    from bpframe.runs.folder import RunFolder
    from bpframe.saving.atomic import write_file

    folder = RunFolder.existing(run)
    shown = units or (4 if out is None else 8)
    derivation = derivation_of(folder, load(folder.config), row, shown, part=part, file=file, target=target)
    if out is None:
        click.echo(str(derivation))
    else:
        write_file(out, derivation.html())
        click.echo(f"row {derivation.row}, {out}")


def _refuse_output(out: Path, force: bool) -> None:
    """BadParameter for a page that cannot be written."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"needs a file that ends in .html, got '{out}'.", param_hint="-o")
    if out.exists() and not force:
        raise click.BadParameter(f"'{out}' exists. Choose another file, or replace it with --force.", param_hint="-o")
    if not out.parent.is_dir():
        raise click.BadParameter(f"'{out.parent}' is not a folder. Make it first.", param_hint="-o")
