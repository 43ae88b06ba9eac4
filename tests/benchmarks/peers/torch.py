"""PyTorch, eager: the loop written by hand, without a DataLoader, which would cost more than the step."""

from __future__ import annotations

import torch
from workload import Net, Run, data, timed


def prepare(net: Net) -> Run:
    """nn.Sequential, F.cross_entropy and torch.optim.Adam as they come, on the default number of threads."""
    torch.manual_seed(0)
    layers = [part for pair in net.pairs for part in (torch.nn.Linear(*pair), torch.nn.ReLU())]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    x, y = map(torch.from_numpy, data(net))

    def train(epochs: int) -> None:
        for _ in range(epochs):
            for rows in torch.randperm(net.rows).split(net.batch):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
                optimizer.step()

    return timed(train)
