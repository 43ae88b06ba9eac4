"""The display of watched runs in a terminal, by rich."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from bpframe.cli.watched_run import HEADER, WatchedRun
from bpframe.errors import ConfigError

BARS = "▁▂▃▄▅▆▇█"
CURVE = 24  # epochs of the curve of a row
COLOURS = {"training": "green", "over": "dim", "stopped": "yellow"}


def live_table(runs: Sequence[WatchedRun], wait: Callable[[], bool]) -> None:
    """Show the runs until `wait`, which returns after each change, says that nothing more comes."""
    with _rich().Live(_table(runs), auto_refresh=False) as shown:
        while wait():
            shown.update(_table(runs), refresh=True)
        shown.update(_table(runs), refresh=True)


def sparkline(values: Sequence[float]) -> str:
    """The values as bars of eight heights, from the least to the most; a gap for what is not finite."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    low, span = min(known), (max(known) - min(known)) or 1.0
    return "".join(BARS[round((v - low) / span * (len(BARS) - 1))] if math.isfinite(v) else " " for v in values)


def _table(runs: Sequence[WatchedRun]) -> Any:
    rich = _rich()
    table = rich.Table(box=None, pad_edge=False, header_style="bold")
    for name in HEADER:
        table.add_column(name, justify="left" if name in ("run", "state") else "right", no_wrap=True)
    table.add_column("loss of late")
    for run in runs:
        cells = [rich.Text(cell) for cell in run.row()]  # no markup: a run may be called [red]
        cells[1].stylize(COLOURS.get(run.state, ""))
        table.add_row(*cells, rich.Text(sparkline(run.recent(CURVE)), "cyan"))
    return table


def _rich() -> SimpleNamespace:
    """What is used of rich, which watching in a terminal alone needs."""
    try:
        from rich.live import Live
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        raise ConfigError('bpframe watch needs rich in a terminal: pip install "bpframe[watch]".') from None
    return SimpleNamespace(Live=Live, Table=Table, Text=Text)
