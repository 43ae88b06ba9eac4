"""bpframe train: train the network of a config file and keep the run in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bpframe.cli.local_files import declare_plugin_files, plugin_option


@click.command(epilog="Exit codes: bpframe --help.")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a setting: optimizer.lr=3e-4.")
@click.option("--epochs", type=int, help="The same as --set train.epochs=N.")
@click.option("--engine", help="The same as --set train.engine=NAME.")
@click.option("--name", help="Name of the run's folder; by default that of the config.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where run folders are made.")
@click.option("--resume", type=click.Choice(["auto"]), help="Go on with the run of that name, if there is one.")
@click.option(
    "--frozen",
    is_flag=False,
    flag_value="",
    metavar="[LOCK | RUN]",
    help="Refuse other code, versions or machines than a lock holds: that of a run, or by default the one beside "
    "CONFIG. It stands behind CONFIG.",
)
@click.option(
    "--from",
    "start",
    type=click.Path(exists=True, path_type=Path),
    metavar="RUN | MODEL",
    help="Start from the parameters of a run's model, or of a model file: train.start.",
)
@click.option("--new-data", is_flag=True, help="With --resume: train a run that is over further, on data that changed.")
@click.option(
    "--no-cache", is_flag=True, help="Compile anew: keep no compiled programs in the user's folder for caches."
)
@click.option("--quiet", is_flag=True, help="Show no progress.")
@click.option("--no-plugins", is_flag=True, help="Use components of bpframe itself only.")
@plugin_option
def train(config: Path, frozen: str | None, start: Path | None, plugins: Sequence[Path], **given: Any) -> None:
    """Train the network that CONFIG describes, and keep the run in a folder.

    A run that is stopped, by Ctrl-C, SIGTERM, SIGHUP or an error, goes on by --resume auto.
    """
    from bpframe.cli.train_options import TrainOptions

    options = TrainOptions.of(start=None if start is None else str(start.absolute()), **given)
    with options.allowed():
        declare_plugin_files(plugins)
    held = None
    if frozen is not None:
        from bpframe.cli.frozen import admit

        held = admit(config, frozen, options)
    from bpframe.cli.output import print_result  # after that, which shall import as little as it can
    from bpframe.cli.train_run import run_training

    print_result(run_training(config, options, held))
