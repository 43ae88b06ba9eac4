"""The order of one training step, for every engine.

Engines differ in two places: an eager one stops where the loss is not finite (`value_and_gradients` then gives no
gradients), and a compiled one decides on the device whether rules observe (`when`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from bpframe.engine.update_measures import UpdateMeasures
from bpframe.network.gradients import LossAndGradients
from bpframe.types import Params


class StepOperations(Protocol):
    """What a step does with a batch, on one engine."""

    @property
    def value_and_gradients(self) -> Callable[[], LossAndGradients]:
        """The loss and its gradients at the present parameters; no gradients where the loss is not finite."""

    def sampled_gradients(self, result: LossAndGradients) -> Params:
        """Gradients for targets drawn from the predictions."""

    def batch_info(self, result: LossAndGradients) -> Mapping[str, Any]:
        """What settings show of the batch: `loss` and `weight`."""

    def when(self, due: Any, change: Callable[[Any], Any], values: Any) -> Any:
        """change(values) where `due` holds, otherwise the values themselves; only one of them is computed."""

    def begin_update(self) -> None:
        """From here on parameters and optimizer state may be between two steps."""

    def refresh(self, result: LossAndGradients) -> None:
        """Move the buffers of layers."""


class StepUpdates(Protocol):
    """What a step does with gradients: `bpframe.engine.update.Updates`."""

    @property
    def observing(self) -> Sequence[Any]:
        """What observes, if anything does."""

    @property
    def probing(self) -> Sequence[Any]:
        """What probes, if anything does."""

    def observes(self, step: Any) -> Any:
        """Whether a rule observes before the update that follows `step` updates."""

    def observed_states(self) -> list[Any]:
        """The states that observing may change."""

    def observe(self, states: list[Any], gradients: Params, step: Any, rows: int) -> list[Any]:
        """Those states after rules were shown gradients for drawn targets of so many rows."""

    def take_states(self, states: list[Any]) -> None:
        """Go on with those states."""

    def probe(self, gradients: Params, step: Any, batch_info: Mapping[str, Any]) -> Any:
        """Go where rules want their gradient taken; what `leave_probe` needs to come back."""

    def leave_probe(self, before: Any) -> None:
        """Back to the parameters before the probe."""

    def compare_gradients(self, here: Params, there: Params) -> Params:
        """Show rules the gradients at the parameters and at the probe; those that the update is given."""

    def drop_probe(self, before: Any) -> None:
        """Forget what rules saw there, since nothing is updated."""

    def update(self, gradients: Params, step: Any, batch_info: Mapping[str, Any]) -> Any:
        """Penalties, gradient steps, rule and constraints; the sum of the penalties on parameters."""

    @property
    def measures(self) -> UpdateMeasures | None:
        """What measures updates, if anything does."""


def training_step(on: StepOperations, updates: StepUpdates, step: Any) -> LossAndGradients:
    """The step that follows `step` steps: gradients, observe, probe and gradients there, update, buffers.

    What was computed at its start; no gradients where a loss was not finite, and nothing is updated then.
    """
    result = on.value_and_gradients()
    gradients = result.gradients
    if gradients is None:
        return result
    batch_info = on.batch_info(result)
    if updates.observing:

        def observe(states: list[Any]) -> list[Any]:
            drawn = on.sampled_gradients(result)
            on.begin_update()
            return updates.observe(states, drawn, step, result.rows)

        updates.take_states(on.when(updates.observes(step), observe, updates.observed_states()))
    on.begin_update()
    if updates.probing:
        before = updates.probe(gradients, step, batch_info)
        there = on.value_and_gradients().gradients
        updates.leave_probe(before)
        if there is None:
            updates.drop_probe(before)
            return LossAndGradients(math.nan, result.penalty, result.scores, result.caches)
        gradients = updates.compare_gradients(gradients, there)
    measures = updates.measures
    if measures:
        due = measures.due(step)
        unchanged = measures.before(gradients, due)
    result.weight_penalty = updates.update(gradients, step, batch_info)
    if measures:
        result.measures = measures.values(unchanged, due, step, batch_info, on.when)
    on.refresh(result)
    return result
