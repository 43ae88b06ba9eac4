"""Augmentation of a batch: what changes its rows in training, before the recursion sees them.

Shapes: B rows of a batch; x (B, ...), target (B, ...), weight and share (B,), or (B, *S) of positions; where all rows
count alike, None and one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bpframe import ops
from bpframe.errors import IncompatibleComponent
from bpframe.network.gradients import Batch
from bpframe.network.guards import check_result, view
from bpframe.protocols import Augmentation, Key
from bpframe.registry import registry
from bpframe.registry.describe import title

Augmentations = Sequence[tuple[Augmentation, Any]]  # in their order, with their settings


def augmented(batch: Batch, parts: Augmentations, key: Key, step: Any) -> Batch:
    """The batch that a step is made on, after `step` steps; `key`: that step's.

    What its weighted losses are divided by stays. Rows that do not count are given no share.
    """
    rows, alike = batch.x.shape[0], isinstance(batch.share, float)
    given: Any = None if alike else batch.share * batch.share.size
    weight = given
    x, target = batch.x, batch.target
    for i, (part, settings) in enumerate(parts):
        before = view(x), view(target), view(weight)
        result = part.augment(*before, key.child(f"augmentations[{i}]"), settings.at(step))
        _refuse_other(part, before, result, rows)
        x, target, new = result
        weight = weight if new is before[2] else new
    if weight is given:
        return batch._replace(x=x, target=target)
    share = weight / weight.size
    if batch.mask is not None:
        share = ops.namespace(share).where(batch.mask, share, 0.0)
    return batch._replace(x=x, target=target, share=share)


def _refuse_other(part: Augmentation, before: Sequence[Any], result: object, rows: int) -> None:
    """IncompatibleComponent unless these are three arrays like those before, or weights for rows that had none."""
    if not isinstance(result, tuple) or len(result) != 3:
        owner = title(registry, "augmentation", part)
        raise IncompatibleComponent(f"{owner}: augment must give (x, target, weight), got {type(result).__name__}.")
    for what, old, new in zip(("x", "target", "weight"), before, result, strict=True):
        if new is old:
            continue
        like = before[0] if old is None else old
        check_result("augmentation", part, f"augment, {what},", new, (rows,) if old is None else old.shape)
        if new.dtype != like.dtype:
            owner = title(registry, "augmentation", part)
            raise IncompatibleComponent(f"{owner}: augment, {what}, must be {like.dtype}, got {new.dtype}.")
