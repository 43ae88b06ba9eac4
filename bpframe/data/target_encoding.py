"""Target encoding by a loss of its own; what it refuses about y is the user's to mend, no broken plugin.

Shapes: y (N,) or (N, C), target (N, M).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from bpframe.data.learned_values import refuse_unsaved_values
from bpframe.errors import BpframeError, BrokenComponent, DataError, ShapeError
from bpframe.network.guards import view
from bpframe.protocols import ClassTargets, EncodeTarget, Fields, Loss, TargetWidth
from bpframe.protocols.implements import implements
from bpframe.registry import registry
from bpframe.registry.describe import short_name, title

Answer = TypeVar("Answer")


def own_target(loss: EncodeTarget, y: Any, learned: dict[str, Any]) -> Any:
    """What the loss's `encode_target` makes of y; a plain ValueError of its becomes a DataError that names the loss.

    BrokenComponent for what it puts into `learned` and no model file could give back.
    """
    before = dict(learned)
    try:
        target = loss.encode_target(view(y), learned)  # y may be the user's own array
    except BpframeError:
        raise
    except ValueError as error:
        if "read-only" in str(error):
            who = title(registry, "loss", loss)
            raise BrokenComponent(f"{who} writes to y in encode_target: {error}. Have it work on a copy.") from error
        raise DataError(f"y cannot be used by {short_name(registry, 'loss', loss)}: {error}") from error
    refuse_unsaved_values(title(registry, "loss", loss), before, learned)
    return target


def target_width(loss: Loss, outputs: int) -> int:
    """Columns of the target for so many scores: one for class numbers, as many as there are where nothing is said."""
    if implements(loss, Fields):
        return sum(answer_of(loss, loss.target_fields, outputs).values())
    if implements(loss, TargetWidth):
        return answer_of(loss, loss.target_width, outputs)
    return 1 if implements(loss, ClassTargets) and not implements(loss, EncodeTarget) else outputs


def number_of_classes(loss: Loss, outputs: int) -> int:
    """How many classes so many scores tell apart."""
    return answer_of(loss, cast(ClassTargets, loss).classes, outputs)


def answer_of(loss: object, method: Callable[[int], Answer], outputs: int) -> Answer:
    """What a loss says of so many scores; a plain ValueError of its becomes a ShapeError that names it."""
    try:
        return method(outputs)
    except BpframeError:
        raise
    except ValueError as error:
        raise ShapeError(f"{short_name(registry, 'loss', loss)} cannot use {outputs} scores: {error}") from error
