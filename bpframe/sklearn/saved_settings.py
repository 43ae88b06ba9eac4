"""Saved settings of an estimator, from a file: without what no file may decide, and from allowed plugins alone."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from bpframe.errors import UnknownComponent
from bpframe.protocols.traits import changeable
from bpframe.registry import build, path_arguments, registry
from bpframe.training.checkpoint_checks import check_count

KINDS = {  # of the components that an argument holds
    "activation": "activation",
    "augmentations": "augmentation",
    "callbacks": "callback",
    "engine": "engine",
    "hidden_layers": "layer",
    "learning_rate": "schedule",
    "loss": "loss",
    "monitor": "metric",
    "solver": "optimizer",
}


def screen_settings(settings: Mapping[str, Any], file: object) -> dict[str, Any]:
    """The settings without callbacks that hold paths, which a warning names, and without the engine's threads, caches.

    BlockedComponent for a plugin that the caller does not allow: a later fit would take it from the arguments.
    """
    kept = dict(settings)
    if isinstance(engine := kept.get("engine"), Mapping):
        free = changeable(registry.load("engine", engine["name"]))
        kept["engine"] = {name: value for name, value in engine.items() if name not in free}
    if callbacks := kept.get("callbacks"):
        kept["callbacks"] = type(callbacks)(spec for spec in callbacks if not _left_out(spec, file))
    for name, kind in KINDS.items():
        setting = kept.get(name)
        for spec in setting if isinstance(setting, list | tuple) else [setting]:
            _refuse_blocked(kind, spec)
    return kept


def check_fitted(fitted: Mapping[str, Any]) -> None:
    """ValueError unless counts are whole numbers and losses numbers."""
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "n_features_in_", "_no_improvement_count"):
        if name in fitted:
            check_count(name, fitted[name])
    losses = [fitted.get(name) for name in ("loss_", "best_loss_", "best_validation_score_")]
    for name in ("loss_curve_", "validation_scores_"):
        losses += fitted.get(name) or ()
    if not all(isinstance(loss, int | float | None) for loss in losses):
        raise ValueError("its losses need to be numbers")


def _left_out(callback: Any, file: object) -> bool:
    """Whether a callback's specification holds a path."""
    if not isinstance(callback, Mapping):
        return False
    provider = registry.find("callback", callback["name"])
    held = path_arguments.path_arguments(provider, registry.loaded(provider), callback)
    if held:
        warnings.warn(
            f"{file} is loaded without its callback {provider.name}: no path is taken from a file, and its {held[0]} "
            "is one. Add it to callbacks anew.",
            stacklevel=5,
        )
    return bool(held)


def _refuse_blocked(kind: str, spec: object) -> None:
    if isinstance(spec, Mapping):
        build(kind, spec)
    elif isinstance(spec, str):
        with suppress(UnknownComponent):  # a name of scikit-learn, such as "constant"
            registry.find(kind, spec)
