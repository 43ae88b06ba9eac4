"""Target encoding by a loss of its own; what it refuses about y is the user's to mend, no broken plugin.

Shapes: y (N,) or (N, C), target (N, M).
"""

from __future__ import annotations

from typing import Any

from bpframe.errors import BpframeError, BrokenComponent, DataError, ShapeError
from bpframe.network.guards import view
from bpframe.protocols import EncodeTarget, Loss, TargetWidth
from bpframe.registry import registry
from bpframe.registry.describe import short_name, title
from bpframe.types import HostArray


def own_target(loss: EncodeTarget, y: HostArray, learned: dict[str, Any]) -> HostArray:
    """What the loss's `encode_target` makes of y; a plain ValueError of its becomes a DataError that names the loss."""
    try:
        return loss.encode_target(view(y), learned)  # y may be the user's own array
    except BpframeError:
        raise
    except ValueError as error:
        if "read-only" in str(error):
            who = title(registry, "loss", loss)
            raise BrokenComponent(f"{who} writes to y in encode_target: {error}. Have it work on a copy.") from error
        raise DataError(f"y cannot be used by {short_name(registry, 'loss', loss)}: {error}") from error


def target_width(loss: Loss, outputs: int) -> int:
    """Columns of the target for so many scores; a plain ValueError of the loss becomes a ShapeError that names it."""
    if not isinstance(loss, TargetWidth):
        return outputs
    try:
        return loss.target_width(outputs)
    except BpframeError:
        raise
    except ValueError as error:
        raise ShapeError(f"{short_name(registry, 'loss', loss)} cannot use {outputs} scores: {error}") from error
