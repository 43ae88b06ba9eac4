"""bpframe init: write a config to start with, for data of your own or from an example."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option("--target", metavar="COLUMN", help="The column to predict, where DATA is a table.")
@click.option("--task", type=click.Choice(["classes", "numbers"]), help="What the target is; left out, its values say.")
@click.option(
    "--example", metavar="NAME", help="Write an example instead: a config, such as digits, or plugin (a folder)."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The config to write; by default DATA's stem.toml."
)
def init(data: Path | None, target: str | None, task: str | None, example: str | None, output: Path | None) -> None:
    """Write a commented config that trains on DATA as it is, to begin with and to change.

    DATA is read to choose the loss, the size of the network and the parts to hold out. Nothing is overwritten.
    """
    if (data is None) == (example is None):
        raise click.UsageError("init needs DATA or --example, as in: bpframe init table.csv --target price.")
    from bpframe.cli.output import print_result
    from bpframe.cli.starter import example_files, starter_config, write_new

    if example is not None:
        files = example_files(example, output)
        write_new(files)
        print_result("\n".join(map(str, files)))
        return
    assert data is not None
    config = output or Path(f"{data.stem}.toml")
    write_new({config: starter_config(data, target, task, config)})
    print_result(f"{config} is written. Look at it, then: bpframe train {config}")
