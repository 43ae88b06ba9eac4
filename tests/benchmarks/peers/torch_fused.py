"""PyTorch, eager, with Adam's fused kernel, which its users have to ask for."""

from __future__ import annotations

from workload import Net, Run

from peers import torch


def prepare(net: Net) -> Run:
    """As eager; other rules have a fused kernel, too."""
    return torch.prepare(net, fused=True)
