"""Checks of the inner rule of optimizers that wrap another."""

from __future__ import annotations

from typing import Any

from bpframe.plugin import ConfigError


def check(owner: str, inner: Any) -> None:
    """ConfigError for a minimizer: it takes the objective instead of a gradient, so nothing can be put around it."""
    if getattr(inner, "scope", None) == "objective":
        raise ConfigError(
            f"{owner} needs a rule that follows a gradient, got {inner!r}, which searches along the objective itself. "
            "Use that one alone."
        )
