"""The command line interface (CLI): init, train, evaluate, predict, explain, plugins, ..."""

from __future__ import annotations

from bpframe.cli.app import main

__all__ = ["main"]
