"""Monitor of a training: weights, gradients, updates and units by layer, and a sentence where something goes wrong."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bpframe.plugin import Array, HostArray, Hyper, RunState, TrainingWarning, checks, hookimpl, ops
from bpframe_callbacks import monitor_words as words
from bpframe_callbacks.monitor_look import Look, chance_loss, rare_classes, spaced, training_rows

MEASURED = ("parameter", "gradient", "update")
FIRST_LOOK, MOST_STEPS = 100, 1000  # the step of the second look, and the most steps from one to the next
RUN, MOST_NUMBERS = 4096, 1024  # a larger matrix is cut into runs; how many of its numbers make a mean
COUNT = "count/"


@final
@dataclass(frozen=True)
class Monitor:
    """Curves by layer, and what goes wrong in words: "layer dense_2: 93% of its units never fire; try a smaller lr".

    Of each layer, "train.NAME/dense_1": `parameter_norm`, `gradient_norm` and `update_norm`, the root of the sum of
    squares of its parameters p, of their gradients, and of p_after - p_before; `parameter_spread`, `gradient_spread`
    and `update_spread`, the standard deviations of its matrices and of theirs (of a matrix of more than 4,096 numbers
    some 1,024 evenly spaced ones give the mean in it); `update_ratio` = update_norm / parameter_norm. They are measured
    at the first step of the run and every `every`-th from there on; `state.measures` has those of each step, the
    history their means over an epoch.
    Of each layer with an activation: `dead`, the share of units whose value is 0 for all of `rows` rows of the training
    data, and, where the activation has two ends, `saturated`, the share of units whose slope is below 5% of the
    greatest one in 3 of 4 rows. They are looked at before the first step, at step 100, then ever more seldom up to
    every 1,000 steps, and in the last epoch; the history has the latest.
    What goes wrong is said once a fit, as a TrainingWarning, and kept in `history.notes` and in the lines of a run's
    history.jsonl: units that are dead or saturated; gradients that vanish or explode from layer to layer, or explode
    from epoch to epoch; a learning rate that is too high or too low; inputs that are not scaled; a rare class that is
    never predicted; labels that carry nothing. Layers inside other layers are looked at as one.
    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.
    """

    every: int = 20
    rows: int = 128
    shared_curves: ClassVar[Sequence[str]] = tuple(f"{name}_norm" for name in MEASURED)

    def __post_init__(self) -> None:
        checks.whole("monitor", 1, every=self.every)
        checks.whole("monitor", 1, rows=self.rows)

    @property
    def measure_period(self) -> int:
        """At how many steps one is measured."""
        return self.every

    def measure(self, before: Array, after: Array, g: Array, h: Hyper) -> dict[str, Array]:
        """Sums of squares and of numbers, and how many there are."""
        layer: str = h.param.layer
        sums: dict[str, Any] = {f"{COUNT}{layer}": _size(before)} if before.ndim > 1 else {}
        for name in MEASURED:  # before is read for the last time in the difference, which may take its place
            x = {"parameter": before, "gradient": g}.get(name)
            x = after - before if x is None else x
            sums[f"{name}_squares/{layer}"] = squares = ops.inner(x, x)
            if x.ndim > 1:
                sums[f"{name}_matrix/{layer}"], sums[f"{name}_sum/{layer}"] = squares, _sum(x)
        return sums

    def curves(self, sums: Mapping[str, HostArray]) -> Mapping[str, HostArray]:
        """Norms, spreads and ratios by layer."""
        found = {}
        for key, squares in sums.items():
            name, _, layer = key.partition("_squares/")
            if layer:
                found[f"{name}_norm/{layer}"] = np.sqrt(squares)
                if (count := sums.get(f"{COUNT}{layer}")) is not None:
                    mean, square = sums[f"{name}_sum/{layer}"] / count, sums[f"{name}_matrix/{layer}"] / count
                    found[f"{name}_spread/{layer}"] = np.sqrt(np.maximum(square - mean * mean, 0))
            if layer and name == MEASURED[-1]:
                norm = found[f"parameter_norm/{layer}"]
                found[f"update_ratio/{layer}"] = found[key.replace("squares", "norm")] / np.where(
                    norm > 0, norm, np.nan
                )
        return found

    def check_memory(self, memory: Mapping[str, Any], parameters: Mapping[str, HostArray]) -> None:
        """ValueError unless it holds the step of the next look, what was said, and shares by name."""
        if type(memory["next"]) is not int or not isinstance(memory["said"], dict):
            raise ValueError("monitor needs the step of its next look and what was said")
        if not all(type(share) is float for share in memory["units"].values()):
            raise ValueError(f"monitor needs shares of units, got {memory['units']!r:.60}")

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Look at the network as it starts."""
        memory = state.memory
        if not (state.resumed and memory):
            memory.update(said={}, units={}, missed=[], held={}, steepest=None, next=state.step)
            memory.update(chance=chance_loss(state), rare=rare_classes(state))
            self._look(state)
        state.observed.update(memory["units"])
        state.curves |= {f"train.{name}": None for name in memory["units"]}
        state.look(memory["next"])

    @hookimpl
    def bpframe_block_end(self, state: RunState) -> None:
        """Look at the units, if it is time."""
        last = state.epoch + 1 == state.epochs and state.done == state.steps
        if state.step == state.memory["next"] or last:
            self._look(state)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Say what the curves of the epoch show."""
        memory, history = state.memory, state.history
        figures = words.LayerFigures.of(state.measures, _weighted_layers(state))
        self._say(state, words.of_updates(figures, history.train["loss"]))
        steepest = figures.steepest
        if memory["steepest"] is None:
            memory["steepest"] = steepest
        elif steepest is not None:
            self._say(state, words.of_growth(memory["steepest"], steepest))
        found = words.of_classes(memory["missed"]) | words.of_labels(history, memory["chance"])
        memory["held"] = {key: memory["held"].get(key, 0) + 1 for key in found}
        last, held = state.epoch + 1 == state.epochs, memory["held"]
        self._say(state, {k: text for k, text in found.items() if last or words.has_held(held[k], len(history))})

    def _look(self, state: RunState) -> None:
        """Take down shares of units and classes that are missed, and say what they show."""
        memory = state.memory
        own = [row for *_, rows in memory["rare"] for row in rows]
        rows = sorted({*spaced(training_rows(state), self.rows).tolist(), *own})
        look = Look.at(state, np.array(rows, int), memory["rare"])
        memory["units"], memory["missed"] = look.shares, look.missed
        state.observed.update(look.shares)
        self._say(state, words.of_units(look.shares, look.activations) | words.of_deltas(look.deltas))
        if state.done == 0:
            self._say(state, words.of_inputs(look.columns, look.first_layer))
        if state.step >= memory["next"]:
            memory["next"] = state.step + min(max(FIRST_LOOK, state.step), MOST_STEPS)
            state.look(memory["next"])

    def _say(self, state: RunState, found: Mapping[str, str]) -> None:
        """Say what was not said before in this fit."""
        said = state.memory["said"]
        for key, sentence in found.items():
            if key not in said:
                said[key] = sentence
                state.note(sentence)
                warnings.warn(sentence, TrainingWarning, stacklevel=2)


def _weighted_layers(state: RunState) -> list[str]:
    """The layers that hold a matrix, in the order of the network."""
    return list(dict.fromkeys(name.split("/")[0] for name, p in state.parameters.copy().items() if p.ndim > 1))


def _size(x: Array) -> int:
    return int(np.prod(x.shape))


def _sum(x: Array) -> Any:
    """The sum of all numbers; of many as much as evenly spaced runs of them let expect."""
    xp, size = ops.namespace(x), _size(x)
    if size <= RUN:
        return xp.sum(x)
    runs = size // RUN
    part = xp.reshape(xp.reshape(x, (-1,))[: runs * RUN], (runs, RUN))[:, : max(1, MOST_NUMBERS // runs)]
    return xp.sum(part) * (size / _size(part))
