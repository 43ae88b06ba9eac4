"""bpframe schema: the JSON schema of configs, for an editor that checks and completes TOML."""

from __future__ import annotations

from pathlib import Path

import click

from bpframe.cli.local_files import plugin_files

FILE = "bpframe.schema.json"
COMMENT = f"#:schema ./{FILE}"  # the first line of a config, by which editors find it


@click.command(name="schema")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    default=Path(FILE),
    show_default=True,
    help="The file to write; - prints it.",
)
@plugin_files
def schema(output: Path) -> None:
    """Write a JSON schema of configs, made from all installed components.

    An editor with Tombi, or Even Better TOML, then completes names, arguments and keys, and marks what is wrong. A
    config names the schema in its first line: #:schema ./bpframe.schema.json. Every component is imported. Write it
    again after a pip install.
    """
    import json

    from bpframe.cli.output import print_result
    from bpframe.registry import registry
    from bpframe.runs.config.json_schema import config_schema
    from bpframe.saving.atomic import write_file

    text = json.dumps(config_schema(registry), indent=1) + "\n"
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    write_file(output, text)
    print_result(f"{output} is written. A config beside it names it in its first line: #:schema ./{output.name}")
