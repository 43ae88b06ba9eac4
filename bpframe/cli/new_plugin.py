"""bpframe new-plugin: write a new distribution with a component, to put a formula in."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="new-plugin")
@click.argument("kind")
@click.argument("name")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder to write bpframe-NAME into; by default this one.",
)
def new_plugin(kind: str, name: str, output: Path) -> None:
    """Write the distribution bpframe-NAME, which offers a component of KIND: a loss, an optimizer, a layer, ...

    It has metadata, a module with places for the formula, a test of one line, README, licence and a CI workflow. Once
    the formula is in, it builds, installs and passes the checks. Nothing is overwritten.
    """
    from bpframe.cli.output import print_result
    from bpframe.cli.scaffold import dist_name, next_commands, scaffold
    from bpframe.cli.starter import write_new
    from bpframe.registry import registry

    files = scaffold(registry.kind(kind.replace("-", "_")), name, output)
    write_new(files, "new-plugin")
    module = next(path for path in files if path.name == "__init__.py")
    print_result(f"{output / dist_name(name)} is written. Put the formula in {module}, then:")
    for command in next_commands(name, output):
        print_result(f"  {command}")
