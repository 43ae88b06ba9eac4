"""bpframe evaluate: measure the model of a run again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(run: Path, as_json: bool) -> None:
    """Measure the model of a RUN folder again.

    On the run's test part; without one on its validation part, and without that on all its rows.
    """
    from bpframe.cli.score import require_finite_loss, score
    from bpframe.runs.config import load
    from bpframe.runs.folder import RunFolder
    from bpframe.runs.model import load_model
    from bpframe.saving.json_values import to_json

    folder = RunFolder.existing(run)
    config = load(folder.config)
    measured = score(load_model(folder, config), config.data())
    if as_json:
        click.echo(to_json({"part": measured.part, "rows": measured.rows, **measured.values}))
    else:
        click.echo(f"{measured.summary} ({measured.rows} rows)")
    require_finite_loss(measured)
