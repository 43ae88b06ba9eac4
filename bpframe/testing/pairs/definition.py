"""A training by its definition, the independent computation with which trainings of pairs are compared.

Whole parameters by name, one component after the other, in float64: no groups, pieces, stages, blocks or engines.
x (N, ...), target (N, M), weight (N,); parameters and gradients by path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np

from bpframe import random, tree
from bpframe.network.context import StepContext
from bpframe.protocols import Auxiliary, Data, Refresh, Statistics
from bpframe.protocols.traits import acts_on, is_weighted
from bpframe.registry.of_fields import of_one_array
from bpframe.testing.pairs.row_definition import RowsByDefinition
from bpframe.testing.pairs.rule_definition import at_present, hyper
from bpframe.testing.pairs.update_definition import Path, UpdateByDefinition
from bpframe.training.spec import TrainerSpec
from bpframe.training.update_groups import trained_parameters
from bpframe.types import HostArray, Params, State

SETTLED = 500  # calls of `refresh` after which running statistics are those of one batch


def _running_means(layer: Refresh, params: Params, cache: Any) -> set[Path]:
    """The buffers b that `refresh` moves as m b + (1 - m) s: on a straight line, as b goes from 0 to 2 b."""

    def at(times: float) -> dict[Path, Any]:
        scaled = tree.transform(params, lambda leaf: leaf)
        for path, leaf in tree.leaves(params):
            if "buffers" in path:
                tree.assign(scaled, path, times * leaf)
        return dict(tree.leaves(layer.refresh(scaled, cache)))

    zero, one, two = at(0.0), at(1.0), at(2.0)
    return {path for path in one if np.allclose(two[path] - one[path], one[path] - zero[path], 1e-9, 1e-12)}


class Backprop(NamedTuple):
    """What one pass gives: mean loss, penalty on activations, what layers keep, scores, gradients by path."""

    loss: float
    penalty: float
    caches: Sequence[Any]
    scores: HostArray
    gradients: dict[Path, Any]


@final
class TrainingByDefinition:
    """A training of a spec's parts on rows, from the parameters p by path."""

    def __init__(self, spec: TrainerSpec, p: Mapping[Path, HostArray], rows: RowsByDefinition) -> None:
        self.p = {path: np.array(value, dtype=np.float64) for path, value in p.items()}
        self.rows, self._given, self._ties = rows, spec.network.layers, spec.network.ties
        known = {tuple(each.name.split("/")): each for each in trained_parameters(self._tree(), self._ties)}
        self.update = UpdateByDefinition(spec, self.p, known)
        self._memory: State = {}  # of a minimizer
        self._hold()
        self._statistics: tuple[int, dict[Path, HostArray]] = (0, {})  # of averages, after so many steps

    def epoch(self, number: int) -> None:
        """The steps of an epoch."""
        batches, key = self.rows.batches(number), random.epoch_key(self.update.spec.seed, number)
        self._visited = np.concatenate(batches)
        for k, batch in enumerate(batches):
            self.step(batch, key.child(k))

    def evaluated(self) -> dict[Path, HostArray]:
        """What predicts: averages, with statistics of the epoch's rows to which running ones would come with them.

        Layers that draw do so by a key of seed and step. Statistics are made once a step, as rows are there: what is
        set after a fit keeps them.
        """
        run, found = self.p, self.update.evaluated()
        plain = all(found[path] is run[path] for path in run)
        for tie in self._ties:
            source = found[tie.source]
            found[tie.target] = source.T if tie.transposed else source
        if plain:
            return found
        if self._statistics[0] == self.update.made:
            return found | self._statistics[1]
        try:
            self.p = dict(found)
            data, word = self.rows.data.take(self._visited), self._statistics_word()
            key = random.HashKey(word >> 32, word & random.MASK).child(0)
            self._settle(self._backprop(data, 1 / len(data.x), key).caches)
            self._statistics = self.update.made, {path: b for path, b in self.p.items() if "buffers" in path}
            return self.p
        finally:
            self.p = run

    def _statistics_word(self) -> int:
        """64 random bits of this step."""
        generator = random.host_generator(self.update.spec.seed, random.STATISTICS, self.update.made)
        return int(generator.bit_generator.random_raw())

    def _hold(self) -> None:
        """Layers and loss with the present values of settings that follow schedules."""
        made = self.update.made
        self._layers = [(label, at_present(layer, made)) for label, layer in self._given]
        self._loss: Any = of_one_array(at_present(self.update.spec.loss, made))

    def assign(self, path: Path, value: HostArray) -> None:
        """Set one parameter; of one that is another, that."""
        for tie in self._ties:
            if tie.target == path:
                path, value = tie.source, value.T if tie.transposed else value
        self.update.assign(path, value)

    def step(self, rows: HostArray, key: Any) -> None:
        """One step on a batch of rows, with the randomness of a key."""
        update = self.update
        update.key = key
        self._hold()
        data, weight, share = self.rows.weighed(rows)
        data, share = self.rows.augmented(data, share, key, update.made)
        here = self._backprop(data, share, key)
        if update.minimizer:
            self._minimise(lambda: self._backprop(data, share, key))
            self._refresh(self._backprop(data, share, key).caches, own=True)
            return
        gradients = here.gradients
        info = {"loss": here.loss, "weight": weight, "rows": len(rows)}
        if update.observes():
            drawn = Data(data.x, self._loss.sample_target(here.scores, key.child("targets")))
            update.observe(self._backprop(drawn, 1 / len(rows), key, penalised=False).gradients, {"rows": len(rows)})
        before = dict(self.p)
        if update.probe(gradients, info):
            there = self._backprop(data, share, key).gradients
            self.p.update(before)
            gradients = update.compare_gradients(gradients, there, info)
        update.step(gradients, info)
        self._refresh(here.caches)

    def _minimise(self, backprop: Callable[[], Backprop]) -> None:
        """One step of a minimizer on the vector of all trained parameters."""
        update, paths = self.update, list(self.update.rules)
        ends = np.cumsum([self.p[path].size for path in paths])

        def move(vector: HostArray) -> None:
            for path, piece in zip(paths, np.split(vector, ends[:-1]), strict=True):
                self.p[path] = piece.reshape(self.p[path].shape)

        def objective(vector: HostArray) -> tuple[float, HostArray]:
            move(vector)
            here = backprop()
            value = here.loss + here.penalty + update.penalise(here.gradients, {})
            return value, np.concatenate([here.gradients[path].reshape(-1) for path in paths])

        start = np.concatenate([self.p[path].reshape(-1) for path in paths])
        state = self._memory or update.minimizer.init(start)
        new, self._memory = update.minimizer.update(start, objective, state, hyper(update.minimizer, update.made))
        move(new)
        update.made += 1

    # ------------------------------------------------------------------------------------------------- the recursion

    def _tree(self) -> Params:
        empty: Params = {label: {} for label, _ in self._given}
        for tie in self._ties:
            source = self.p[tie.source]
            self.p[tie.target] = source.T if tie.transposed else source
        return empty | tree.nest({"/".join(path): value for path, value in self.p.items()})

    def _backprop(self, data: Data, share: Any, key: Any, penalised: bool = True) -> Backprop:
        params, caches, outputs = self._tree(), list[Any](), list[Any]()
        v: Any = data.x
        contexts = [StepContext(True, True, key, (label,)) for label, _ in self._layers]
        for (label, layer), context in zip(self._layers, contexts, strict=True):
            v, cache = layer.forward(params[label], v, context)
            outputs.append(v)
            caches.append(cache)
        coupled = [share] if np.ndim(share) and is_weighted(self._loss) else []
        values, dy = self._loss.value_and_delta(v, data.target, *coupled)
        if np.ndim(values):
            dy = dy * (share if np.ndim(share) == 0 else share[:, None])
        gradients: dict[Path, Any] = {}
        penalty, slopes = self._activity(outputs[:-1] if penalised else ())
        for k, (label, layer) in reversed(list(enumerate(self._layers))):
            dy, own = layer.backward(params[label], caches[k], dy + slopes[k], contexts[k])
            gradients |= {(label, *path): g for path, g in tree.leaves(own)}
            if penalised and isinstance(layer, Auxiliary):
                value, slope, more = layer.auxiliary(params[label], caches[k], contexts[k])
                penalty, dy = penalty + float(value), dy if slope is None else dy + slope
                for path, g in tree.leaves(more):
                    gradients[label, *path] = gradients[label, *path] + g
        for tie in self._ties:
            own = gradients.pop(tie.target)
            gradients[tie.source] = gradients[tie.source] + (own.T if tie.transposed else own)
        loss = float(np.sum(values * share) if np.ndim(values) else values)
        return Backprop(loss, penalty, caches, v, gradients)

    def _activity(self, outputs: Sequence[HostArray]) -> tuple[float, list[Any]]:
        """(the penalties on the outputs of hidden layers, their slope for each layer, the last without one)."""
        penalty, slopes = 0.0, list[Any]([0.0] * len(self._layers))
        for part in self.update.spec.regularizers:
            for k, v in enumerate(outputs if acts_on(part) == "activations" else ()):
                value, slope = part.value_and_gradient(v, hyper(part, self.update.made))
                penalty, slopes[k] = penalty + float(value) / len(v), slopes[k] + slope / len(v)
        return penalty, slopes

    def _refresh(self, caches: Sequence[Any], own: bool = False) -> None:
        """Move buffers; `own`: to the statistics of this batch, where a layer tells them."""
        for (label, layer), cache in zip(self._layers, caches, strict=True):
            if isinstance(layer, Refresh):
                change: Any = layer.statistics if own and isinstance(layer, Statistics) else layer.refresh
                self.p |= {(label, *path): leaf for path, leaf in tree.leaves(change(self._tree()[label], cache))}

    def _settle(self, caches: Sequence[Any]) -> None:
        """Move buffers that are running means to where ever so many such batches would; others stay."""
        for (label, layer), cache in zip(self._layers, caches, strict=True):
            if isinstance(layer, Refresh):
                means = _running_means(layer, self._tree()[label], cache)
                for _ in range(SETTLED):
                    moved = tree.leaves(layer.refresh(self._tree()[label], cache))
                    self.p |= {(label, *path): leaf for path, leaf in moved if path in means}
