"""bpframe on its jax engine with default arguments."""

from __future__ import annotations

from workload import Net, Run

from peers import bpframe


def prepare(net: Net) -> Run:
    """As on the numpy engine."""
    return bpframe.prepare(net, engine="jax", metrics=None)
