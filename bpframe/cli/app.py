"""The application `bpframe`: its global options, its commands, and error handling for all of them."""

from __future__ import annotations

from typing import Any

import click

from bpframe.cli.exit_codes import EPILOG, exit_code, stopping_signals_as_exceptions
from bpframe.cli.notes import column_notes
from bpframe.lazy_names import lazy_names
from bpframe.version import VERSION

HOME = {  # by command: the module of this package that has its function
    "check": "check",
    "compare": "compare",
    "docs": "docs",
    "evaluate": "evaluate",
    "explain": "explain",
    "export": "export",
    "init": "init",
    "new_plugin": "new_plugin",
    "plot": "plot",
    "plugins": "plugins",
    "predict": "predict",
    "report": "report",
    "runs": "runs",
    "schema": "editor_schema",
    "stubs": "stubs",
    "sweep": "sweep",
    "trace": "row_trace",
    "train": "train",
    "tune": "tune",
    "watch": "watch",
}
_command = lazy_names(__name__, {}, HOME, "bpframe.cli")


class App(click.Group):
    """The group of commands, each imported when it is named; an error becomes a message on stderr and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted({*(name.replace("_", "-") for name in HOME), *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None: there is none."""
        if cmd_name not in self.commands:
            name = cmd_name.replace("-", "_")
            for known in [name] if name in HOME else HOME:  # all, for click to suggest one
                self.add_command(_command(known))
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with stopping_signals_as_exceptions(), column_notes():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            from bpframe.cli.output import print_error

            print_error(error, debug=bool(ctx.params.get("debug")))
            return ctx.exit(exit_code(error))


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(VERSION, message="bpframe %(version)s")
def main(debug: bool) -> None:
    """Train neural networks by backpropagation, every part a plugin."""
