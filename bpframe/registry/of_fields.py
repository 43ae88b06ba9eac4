"""A loss of fields: one whose target has several fields by name, which stand side by side in an array.

So everything else, an engine, an order of rows, a metric, knows one array.
Shapes: scores (B, C), target (B, M), field a (B, m_a), M the sum of m_a over all fields, in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, final

from bpframe import ops
from bpframe.protocols import Fields
from bpframe.protocols.implements import implements
from bpframe.types import Array


def cut_fields(target: Any, widths: Mapping[str, int]) -> dict[str, Any]:
    """The fields of a target (B, M) of these widths, by name."""
    ends = pairwise(accumulate(widths.values(), initial=0))
    return {name: target[:, start:stop] for name, (start, stop) in zip(widths, ends, strict=True)}


@final
@dataclass(frozen=True)
class OfFields:
    """A loss whose target is a mapping of fields, as a loss of targets (B, M) in which they stand side by side.

    It can be used as the loss: other attributes are the loss's.
    """

    loss: Any

    @property
    def link(self) -> Any:
        """That of the loss."""
        return self.loss.link

    def value_and_delta(self, scores: Array, target: Array, *weight: Array) -> tuple[Array, Array]:
        """As the loss; a weight (B,) is handed on."""
        fields = cut_fields(target, self.loss.target_fields(scores.shape[1]))
        made: tuple[Array, Array] = self.loss.value_and_delta(scores, fields, *weight)
        return made

    def target_width(self, outputs: int) -> int:
        """M, the columns of all fields."""
        return sum(self.loss.target_fields(outputs).values())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "loss":  # as while it is being unpickled
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name == "sample_target":
            return self._sample_target if hasattr(self.loss, name) else getattr(self.loss, name)
        return getattr(self.loss, name)

    def _sample_target(self, scores: Array, key: Any) -> Array:
        drawn = self.loss.sample_target(scores, key)
        return ops.namespace(scores).concat([drawn[name] for name in self.loss.target_fields(scores.shape[1])], axis=1)


def of_one_array(loss: Any) -> Any:
    """The loss as one of targets (B, M), whether or not it has fields."""
    fields = implements(loss, Fields) and isinstance(loss, Fields)  # the first is fast, and true of what hands on, too
    return OfFields(loss) if fields else loss


def loss_name(loss: Any) -> str:
    """The name of its class, for errors, whether or not it has fields."""
    return type(loss.loss if isinstance(loss, OfFields) else loss).__name__
