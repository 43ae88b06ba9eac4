"""The command line interface (CLI): train, evaluate, predict, explain, plugins, check."""

from __future__ import annotations

from bpframe.cli.app import main

__all__ = ["main"]
