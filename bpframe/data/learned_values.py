"""The values that a loss may put into `learned`, which a model file keeps: plain JSON, under names of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from bpframe.errors import BrokenComponent

LABELS = ("classes", "dtype")  # which `one_hot`, `binary` and `ordinal` fill together
KEPT = ("heads", "target_scale", "target_columns")  # filled by the task itself


def refuse_unsaved_values(owner: str, before: Mapping[str, Any], learned: Mapping[str, Any]) -> None:
    """BrokenComponent, in the name of the loss, for what it has put into `learned` and no file could give back."""
    new = {name: value for name, value in learned.items() if name not in before or before[name] is not value}
    for name, value in new.items():
        if name in KEPT or (name in LABELS and not _are_labels(learned)):
            raise BrokenComponent(
                f"{owner} puts learned[{name!r}], a name that is kept for "
                f"{'labels, as one_hot, binary and ordinal learn them' if name in LABELS else 'the task'}. Use another "
                "name."
            )
        try:
            json.dumps({name: value}, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BrokenComponent(
                f"{owner} needs plain JSON values in `learned`, which is saved with the model, got "
                f"learned[{name!r}] = {value!r} ({error}). Make it plain: value.tolist()."
            ) from error


def _are_labels(learned: Mapping[str, Any]) -> bool:
    """Whether classes and dtype are a list of labels of one type, and that type; a dtype alone harms nobody."""
    if "classes" not in learned:
        return True
    try:
        classes, dtype = np.asarray(learned["classes"]), np.dtype(learned["dtype"])
        alike = bool(np.array_equal(classes.astype(dtype), classes))
    except (KeyError, TypeError, ValueError):
        return False
    return alike and isinstance(learned["classes"], list) and classes.dtype.kind in "biuU" and dtype.kind in "biuUO"
