"""Activity penalty, on the outputs of hidden layers.  p outputs (B, ...) of a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from bpframe.plugin import Array, Hyper, Regularizer
from bpframe_regularizers.l1 import L1


@final
@dataclass(frozen=True)
class Activity:
    """penalty = mean over the B rows of inner's penalty of the row's outputs, for every hidden layer.

    With l1, the default, few units are active at a time: a sparse code. The division by B is the engine's,
    which leaves out rows of sample weight 0: each mini-batch takes the mean over its own rows that count, so a row
    counts for more where few of its batch do.
    Source: Glorot, Bordes and Bengio (2011), Deep sparse rectifier neural networks, section 3; Keras's
    activity_regularizer, for all hidden layers at once.
    """

    inner: Regularizer = L1()
    on: ClassVar[Literal["activations"]] = "activations"

    def value_and_gradient(self, p: Array, h: Hyper) -> tuple[Array, Array]:
        """(0-d penalty of all rows together, its gradient in p's shape)."""
        return self.inner.value_and_gradient(p, h.inner)
