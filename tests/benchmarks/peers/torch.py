"""PyTorch, eager: the loop written by hand, without a DataLoader, which would cost more than the step."""

from __future__ import annotations

import torch
from workload import Net, Run, data, timed


def prepare(net: Net, compiled: bool = False, fused: bool | None = None) -> Run:
    """nn.Sequential, F.cross_entropy and torch.optim as they come, on the default number of threads."""
    torch.manual_seed(0)
    between = torch.nn.ReLU if net.activation == "relu" else torch.nn.Tanh
    layers = [part for pair in net.pairs for part in (torch.nn.Linear(*pair), between())]
    network = torch.nn.Sequential(*layers[:-1])
    parameters = list(network.parameters())
    if net.rule == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(parameters, lr=net.lr, fused=fused)
    else:
        optimizer = torch.optim.SGD(parameters, lr=net.lr, momentum=net.momentum, fused=fused)
    if compiled:
        network = torch.compile(network)
    x, y = map(torch.from_numpy, data(net))

    def train(epochs: int) -> None:
        for _ in range(epochs):
            for rows in torch.randperm(net.rows).split(net.batch):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
                optimizer.step()

    return timed(train)
