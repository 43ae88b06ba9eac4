"""The curve of a learning rate range test: the loss over rates that grow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bpframe.errors import DataError
from bpframe.plot.canvas import canvas
from bpframe.plot.theme import ThemeName

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RangeTest(Protocol):
    """The outcome of a range test, as `bp.lr_range_test` gives it."""

    @property
    def lr(self) -> Sequence[float]:
        """The rates that were tried, in order."""

    @property
    def loss(self) -> Sequence[float]:
        """The smoothed loss at each."""

    @property
    def suggestion(self) -> float | None:
        """A rate to start with, if there is one."""


def lr_range_curve(found: RangeTest, *, ax: Axes | None = None, theme: ThemeName | None = None) -> Axes:
    """The smoothed loss at each rate that `bp.lr_range_test` tried, and the rate that it suggests.

    `found`: its outcome, or any object with these attributes.
    """
    rates, losses = np.asarray(found.lr, dtype=float), np.asarray(found.loss, dtype=float)
    if not len(rates):
        raise DataError("A curve of a learning rate range test needs rates that were tried, got none.")
    with canvas(ax, theme) as (ax, chosen):
        ax.plot(rates, losses, color=chosen.colour(0))
        ax.set_xscale("log")
        if found.suggestion is not None:
            label = f"suggestion: {found.suggestion:.3g}"
            ax.axvline(found.suggestion, color=chosen.colour(1), linestyle="--", label=label)
            ax.legend()
        ax.set_xlabel("learning rate")
        ax.set_ylabel("smoothed loss")
    return ax
