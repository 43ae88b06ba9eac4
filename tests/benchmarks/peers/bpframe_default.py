"""bpframe on its numpy engine with default arguments: metrics, live progress."""

from __future__ import annotations

from workload import Net, Run

from peers import bpframe


def prepare(net: Net) -> Run:
    """As with metrics=[]."""
    return bpframe.prepare(net, metrics=None)
