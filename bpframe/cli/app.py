"""The application `bpframe`: its global options, its commands, and error handling for all of them."""

from __future__ import annotations

from typing import Any

import click

from bpframe.cli.check import check
from bpframe.cli.compare import compare
from bpframe.cli.docs import docs
from bpframe.cli.editor_schema import schema
from bpframe.cli.evaluate import evaluate
from bpframe.cli.exit_codes import EPILOG, exit_code, stopping_signals_as_exceptions
from bpframe.cli.explain import explain
from bpframe.cli.export import export
from bpframe.cli.init import init
from bpframe.cli.new_plugin import new_plugin
from bpframe.cli.notes import column_notes
from bpframe.cli.output import print_error
from bpframe.cli.plot import plot
from bpframe.cli.plugins import plugins
from bpframe.cli.plugins_doctor import doctor
from bpframe.cli.predict import predict
from bpframe.cli.report import report
from bpframe.cli.row_trace import trace
from bpframe.cli.runs import runs
from bpframe.cli.stubs import stubs
from bpframe.cli.sweep import sweep
from bpframe.cli.train import train
from bpframe.cli.tune import tune
from bpframe.cli.watch import watch
from bpframe.version import VERSION


class App(click.Group):
    """The group of commands; every error in one becomes a message on stderr and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with stopping_signals_as_exceptions(), column_notes():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            print_error(error, debug=bool(ctx.params.get("debug")))
            return ctx.exit(exit_code(error))


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(VERSION, message="bpframe %(version)s")
def main(debug: bool) -> None:
    """Train neural networks by backpropagation, every part a plugin."""


plugins.add_command(doctor)
ON_RUNS = init, train, sweep, compare, evaluate, predict, runs, plot, report, watch, explain, trace, export
for command in (*ON_RUNS, new_plugin, plugins, check, stubs, schema, tune, docs):
    main.add_command(command)
