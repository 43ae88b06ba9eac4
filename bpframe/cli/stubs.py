"""bpframe stubs: type stubs of all installed components, for mypy, pyright and editors."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--output",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("typings"),
    show_default=True,
    help="The folder to write to.",
)
@click.option("--bundled", is_flag=True, help="Print the stub of bpframe's own components instead.")
def stubs(output: Path, bundled: bool) -> None:
    """Write type stubs of all installed components, so that `bp.losses.their_loss(...)` is checked and completed.

    mypy finds them with MYPYPATH=FOLDER, or `mypy_path = "FOLDER"` in its settings; pyright, and editors built on it,
    with `stubPath = "FOLDER"`, whose default is "typings". Every component is imported. Write them again after a pip
    install.
    """
    from bpframe.registry import Policy, registry
    from bpframe.registry.type_stubs import namespaces_stub, write_stubs

    if bundled:
        with registry.restricted(Policy(allow=frozenset(), origin="--bundled")):
            click.echo(namespaces_stub(registry), nl=False)
        return
    click.echo(f"Stubs written to {write_stubs(registry, output)}.")
