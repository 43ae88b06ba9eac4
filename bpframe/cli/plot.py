"""bpframe plot: a picture of the curves of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("folders", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The file, .png, .svg or .pdf; left out, NAME.png."
)
@click.option("--curve", "curves", multiple=True, metavar="NAME", help="Only these: loss, accuracy, lr, ...")
@click.option("--x", type=click.Choice(["epoch", "step", "seconds"]), default="epoch", help="What runs to the right.")
@click.option("--best", metavar="CURVE", help="Mark the epoch where this is least (-CURVE: greatest).")
@click.option("--log/--linear", "log", default=None, help="The y axis; left out, logarithmic where that helps.")
@click.option("--each", is_flag=True, help="A line for each run, though runs differ by their seed alone.")
@click.option("--weights", is_flag=True, help="The weights of one run over its checkpoints, and their updates.")
@click.option("--network", is_flag=True, help="One run's network: each unit as a map over two inputs, and its delta.")
@click.option("--inputs", metavar="A,B", help="With --network: the two inputs, by name or number; the first two.")
@click.option("--theme", type=click.Choice(["light", "dark"]), default="light", help="The colours.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def plot(folders: Sequence[Path], output: Path | None, force: bool, **how: Any) -> None:
    """Draw the curves of RUNs, or of all runs in folders, into one picture.

    A panel for each curve, validation solid, training dashed, the best epoch marked. Runs that differ by their seed
    alone are drawn as their mean and its 95% interval.
    """
    each, weights, network, inputs = (how.pop(name) for name in ("each", "weights", "network", "inputs"))
    if inputs is not None and not network:
        raise click.BadParameter("is of --network.", param_hint="--inputs")
    from bpframe.cli.curve_picture import write_curve_picture, write_network_picture, write_weight_picture
    from bpframe.errors import ConfigError
    from bpframe.export.front import refuse_existing
    from bpframe.plot.canvas import pyplot
    from bpframe.plot.picture_file import refuse_other_format
    from bpframe.runs.run_search import find_runs

    found = find_runs(folders)
    target = output or Path(f"{found[0].name if len(found) == 1 else 'runs'}.png")
    refuse_other_format(target)
    refuse_existing(target, force)
    try:
        pyplot().switch_backend("agg")  # which needs no screen
    except ModuleNotFoundError as missing:
        raise ConfigError(f"{missing}.") from missing
    if network:
        write_network_picture(found, target, inputs, how["theme"])
    elif weights:
        write_weight_picture(found, target, how["theme"])
    else:
        write_curve_picture(found, target, each, how)
    click.echo(f"{target}")
