"""PyTorch with the network compiled by torch.compile."""

from __future__ import annotations

from workload import Net, Run

from peers import torch


def prepare(net: Net) -> Run:
    """As eager; compiled in the first epoch."""
    return torch.prepare(net, compiled=True)
