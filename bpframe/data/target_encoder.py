"""Target encoder: what a fit makes of y for its loss, and what it learns of y on the way.

Shapes: y (N,) or (N, C), target (N, M), weights (N,). Where scores have positions, all have their axes behind axis 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, final

import numpy as np

from bpframe.data import arrays, input_offset, labels, positions, target_fields, target_gaps, target_scale
from bpframe.data.arrays import Targets
from bpframe.data.target_encoding import number_of_classes, own_target, target_width
from bpframe.errors import DataError, ShapeError
from bpframe.protocols import ClassTargets, EncodeTarget, Fields, Loss, TargetWidth
from bpframe.protocols.implements import implements
from bpframe.protocols.traits import order_of, takes_missing
from bpframe.types import HostArray, Shape


@final
@dataclass(frozen=True, eq=False, repr=False)
class TargetEncoder:
    """Encodes y by what is `learned` of it; one that `learns`, that of a fit, finds what is not known yet.

    `class_numbers`: whether labels become numbers (N, 1). `heads` of a loss of several: name, columns of the target.
    """

    loss: Loss
    dtype: str
    outputs: int | None
    axes: Shape
    learned: Mapping[str, Any]
    learns: bool
    standardize: bool
    class_numbers: bool
    heads: tuple[tuple[str, slice, TargetEncoder], ...]

    def by_name(self, y: Targets) -> tuple[Targets, list[str] | None]:
        """(y, the names of its columns to learn) of fields, or with the columns of the first fit in its order."""
        if implements(self.loss, Fields):
            return target_fields.by_name(y, self.loss, self.outputs or 0), None
        return labels.in_order_of(target_fields.as_columns(y, self.loss), self.learned)

    def encode(self, given: Targets, rows: int, weight: HostArray | None) -> tuple[HostArray, dict[str, Any]]:
        """(target (N, *S, M), what was learned) of y, each position encoded as a row."""
        scaling = weight if self.learns and self.standardize else None
        if not self.axes:
            return self._encode_rows(given, rows, scaling)
        shape = (rows, *self.axes)
        if isinstance(given, Mapping):
            y: Targets = {
                name: positions.flat_target(labels.as_array(part), rows, self.axes, weight)
                for name, part in given.items()
            }
        else:
            y = positions.flat_target(labels.as_array(given), rows, self.axes, weight)
        target, learned = self._encode_rows(y, math.prod(shape), positions.flat_weight(scaling, shape))
        return target.reshape(*shape, -1), learned

    def _encode_rows(self, given: Targets, rows: int, weight: HostArray | None) -> tuple[HostArray, dict[str, Any]]:
        """(target (N, M), what was learned) of y, of its scale by the rows' weights."""
        width = target_width(self.loss, self.outputs or 0)
        if isinstance(given, Mapping) and implements(self.loss, Fields):
            learned = {**self.learned, "outputs": self.outputs}
            return target_fields.encode_fields(cast(Any, given), self.loss, learned, rows, self.dtype), learned
        if isinstance(given, Mapping):
            return self._side_by_side(given, weight, rows)
        missing = takes_missing(self.loss)
        given, gaps = target_gaps.filled_labels(given) if missing else (given, None)
        y = labels.as_array(given)
        if y.shape[:1] != (rows,):
            raise ShapeError(f"y needs one entry for each row of x: x has {rows} rows, y has shape {y.shape}.")
        if self.heads:
            y = labels.continuous(y, {"outputs": width})
            return self._side_by_side({name: y[:, columns] for name, columns, _ in self.heads}, weight, rows)
        learned = {**self.learned, "outputs": self.outputs}
        y, gaps = target_gaps.filled(y) if missing and gaps is None else (y, gaps)
        target, width = self._by_loss(y, learned, width)
        numbers = arrays.as_numbers(target, self.dtype, "y")
        if numbers.shape != (rows, width):
            raise ShapeError(f"The loss needs targets of shape ({rows}, {width}), got {numbers.shape}.")
        if not self.standardize:
            self._warn_of_loss(np.asarray(target), numbers)
            return target_gaps.with_gaps(numbers, gaps), learned
        return target_gaps.with_gaps(self._scaled(target, gaps, weight, learned), gaps), learned

    def _by_loss(self, y: Any, learned: dict[str, Any], width: int) -> tuple[Any, int]:
        """(the target that the loss takes for y without gaps, how many columns it is to have)."""
        if implements(self.loss, EncodeTarget):
            return own_target(self.loss, y, learned), width
        if implements(self.loss, ClassTargets):
            classes = number_of_classes(self.loss, self.outputs or 0)
            return labels.ordinal(y, learned, classes, order_of(self.loss)), width
        if implements(self.loss, TargetWidth):
            return labels.continuous(y, {"outputs": width}), width
        if self.class_numbers:
            target = labels.numbers_or_probabilities(y, learned)
            return target, target.shape[1]
        return labels.encode(y, self.loss.link, learned), width

    def _scaled(self, target: Any, gaps: Any, weight: HostArray | None, learned: dict[str, Any]) -> HostArray:
        exact = np.asarray(target, dtype=np.float64)  # a large offset leaves before the dtype rounds it
        if self.learns and target_scale.KEY not in learned:
            learned[target_scale.KEY] = target_scale.learn_scale(target_gaps.with_gaps(exact, gaps), weight)
        return arrays.as_numbers(target_scale.scaled(exact, learned), self.dtype, "y")

    def _warn_of_loss(self, target: HostArray, numbers: HostArray) -> None:
        """Of a fit: a warning for targets that the dtype does not tell apart and that could be standardised."""
        rounded = self.learns and target.dtype != numbers.dtype and self.loss.link == "identity"
        if rounded and input_offset.coarse_places(numbers).size and target_scale.is_scalable(self.loss):
            input_offset.warn_of_loss("y", target, numbers, "Set standardize_target")

    def _side_by_side(
        self, y: Mapping[str, Any], weight: HostArray | None, rows: int
    ) -> tuple[HostArray, dict[str, Any]]:
        names = [name for name, _, _ in self.heads]
        if set(y) != set(names):
            wanted = f"an entry for each head ({', '.join(names)})" if names else "one array (mappings are for heads)"
            raise DataError(f"y needs {wanted}, got a mapping of {', '.join(map(str, y)) or 'nothing'}.")
        targets, learned = [], {}
        for name, _, head in self.heads:
            try:
                own, columns = labels.in_order_of(y[name], head.learned)
                target, learned[name] = head._encode_rows(own, rows, weight)
                if columns is not None and self.learns:
                    learned[name][labels.COLUMNS] = columns
            except DataError as error:
                raise error.with_text(f"y of head '{name}': {error}") from None
            targets.append(target)
        return np.hstack(targets), {**self.learned, "outputs": self.outputs, "heads": learned}
