"""Writes weight_norms.npz: networks with spectral and weight normalization that PyTorch trains, in float64.

usage: python tests/golden/make_weight_norms.py
needs: torch 2.13

Arrays: x, target; of each case "dense" and "conv" CASE/before/NAME and CASE/after/NAME, the parameters around STEPS
steps of gradient descent on the mean of squared differences, as PyTorch has them; u and v are those of the first step.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

HOME = Path(__file__).with_name("weight_norms.npz")
STEPS, LR = 5, 0.1
Arrays = dict[str, np.ndarray]


def networks() -> dict[str, torch.nn.Module]:
    """Of dense layers, and of convolutions over 6 steps of 2 channels, flattened at the end."""
    nn = torch.nn
    return {
        "dense": nn.Sequential(spectral_norm(nn.Linear(12, 5)), nn.Tanh(), weight_norm(nn.Linear(5, 3))),
        "conv": nn.Sequential(
            nn.Unflatten(1, (2, 6)),
            spectral_norm(nn.Conv1d(2, 4, 3)),
            nn.Tanh(),
            weight_norm(nn.Conv1d(4, 3, 4)),
            nn.Flatten(),
        ),
    }


def trained(network: torch.nn.Module, x: torch.Tensor, target: torch.Tensor) -> Arrays:
    """State before and after the steps, u and v moved as the first step sees them."""
    network = network.double().train()
    found: Arrays = {}
    optimizer = torch.optim.SGD(network.parameters(), lr=LR)
    for step in range(STEPS + 1):
        state = {name: value.detach().clone() for name, value in network.state_dict().items()}
        loss = ((network(x) - target) ** 2).mean()  # moves u and v first
        state |= {name: value for name, value in network.state_dict().items() if name.endswith(("_u", "_v"))}
        if step in (0, STEPS):
            place = "after" if step else "before"
            found |= {f"{place}/{name}": value.numpy().copy() for name, value in state.items()}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return found


if __name__ == "__main__":
    torch.manual_seed(0)
    x, target = torch.randn(16, 12, dtype=torch.float64), torch.randn(16, 3, dtype=torch.float64)
    arrays = {"x": x.numpy(), "target": target.numpy()}
    for case, network in networks().items():
        arrays |= {f"{case}/{name}": value for name, value in trained(network, x, target).items()}
    np.savez_compressed(HOME, **arrays)
    print(*arrays)
