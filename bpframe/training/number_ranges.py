"""Ranges of the numbers among the settings of layers and losses: what a run's dtype can hold.

Those of optimizers and of what else changes parameters are checked where they become numbers of that dtype,
`bpframe.engine.hyperparameters.Settings`.
"""

from __future__ import annotations

from bpframe import checks
from bpframe.network.network import Network
from bpframe.protocols import Layer, Loss
from bpframe.registry.nested import plain_numbers


def refuse_out_of_range(network: Network, loss: Loss, dtype: str) -> None:
    """ConfigError for a number of a layer, an activation, an initializer or the loss that `dtype` cannot hold."""
    for i, (_, layer) in enumerate(network.layers):
        _refuse(f"network[{i}]", layer, dtype)
    _refuse("loss", loss, dtype)


def _refuse(place: str, component: Layer | Loss, dtype: str) -> None:
    for path, value in plain_numbers(component):
        if not checks.fits(value, dtype):
            raise checks.out_of_range(place, path, value, dtype)
