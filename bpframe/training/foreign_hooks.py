"""Foreign hooks: what Keras, Lightning, fastai and others call their hooks, and bpframe's own in their place."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from bpframe.errors import ConfigError
from bpframe.protocols import Measure
from bpframe.protocols.implements import implements
from bpframe.registry.safe_text import object_text
from bpframe.training.hooks import SPECS, hook_names

HOOKS = {
    "bpframe_fit_start": "on_train_begin on_train_start on_fit_start before_fit begin_fit on_begin setup train_begin",
    "bpframe_epoch_start": "on_epoch_begin on_epoch_start on_train_epoch_start before_epoch begin_epoch epoch_begin",
    "bpframe_batch_start": "on_batch_begin on_batch_start on_train_batch_begin on_train_batch_start before_batch",
    "bpframe_batch_end": "on_batch_end on_train_batch_end after_batch on_step_end batch_end after_step",
    "bpframe_epoch_end": (
        "on_epoch_end on_train_epoch_end on_validation_end on_validation_epoch_end on_test_end on_evaluate after_epoch "
        "after_iteration epoch_end __call__"
    ),
    "bpframe_exception": "on_exception on_keyboard_interrupt on_error",
    "bpframe_fit_end": "on_train_end on_fit_end after_fit on_end teardown train_end",
}
OWN = {word: hook for hook, words in HOOKS.items() for word in words.split()}


def refuse_without_hooks(callbacks: Iterable[object]) -> None:
    """ConfigError for a callback that has no hook, and would never be called; it names the hook that was meant."""
    for callback in callbacks:
        if hook_names(callback) or implements(callback, Measure):
            continue
        have = [name for name in dir(type(callback)) if callable(inspect.getattr_static(callback, name, None))]
        meant = [(name, OWN[name]) for name in have if name in OWN]
        listing = f"Hooks: {', '.join(SPECS)}."
        if meant:
            name, hook = meant[0]
            listing = f"For '{name}' write: @bpframe.hookimpl, def {hook}(self, state). {listing}"
        raise ConfigError(
            f"A callback needs a hook at least, marked by @bpframe.hookimpl, got {object_text(callback)} with none. "
            f"{listing}"
        )
