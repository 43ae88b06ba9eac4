"""The reference engine and its session: plain loops over arrays of array-api-strict, a batch and a parameter at a time.

Shapes: B rows of a batch; x (B, ...), target (B, M), share (B,) or one number, scores (B, C).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Any, ClassVar, NamedTuple, final

import numpy as np

from bpframe.plugin import (
    Auxiliary,
    Batches,
    Data,
    EngineCost,
    EngineNetwork,
    Group,
    HostArray,
    Losses,
    Params,
    Refresh,
    StepContext,
    epoch_key,
    ops,
)
from bpframe_engines.updates import ParameterUpdate, Path, leaves, settings

API = "2024.12"  # of the standard: from it on `maximum`, `minimum` and `where` take Python numbers


@final
@dataclass(frozen=True)
class ReferenceEngine:
    """loss = sum_i share_i loss_i;  p <- p - step(gradient): each line of the recursion and of an update by itself.

    For reading, and for comparing other engines with: it knows nothing of bpframe but what plugins may import, and
    computes with nothing that the Array API standard lacks. Slow. Needs array-api-strict.
    Source: Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors.
    """

    levels: ClassVar[tuple[str, ...]] = ("steps", "snapshot", "positions", "keys", "augmentations", "auxiliary")

    def session(
        self,
        network: EngineNetwork,
        cost: EngineCost,
        groups: Sequence[Group],
        parameters: Params,
        dtype: str,
        seed: int,
    ) -> ReferenceSession:
        """A session that starts from these parameters."""
        return ReferenceSession(network, cost, groups, parameters, dtype, seed)


class Rows(NamedTuple):
    """A batch: what its weighted losses are divided by, each row's share, which rows count (None: all)."""

    x: Any
    target: Any
    share: Any
    mask: Any
    weight: float


@final
class ReferenceSession:
    """Parameters and states by path, replaced and never written into: to keep a state is to keep the dicts."""

    device = "cpu"
    step = 0

    def __init__(
        self, network: EngineNetwork, cost: EngineCost, groups: Sequence[Group], start: Params, dtype: str, seed: int
    ) -> None:
        import array_api_strict  # which this engine alone needs

        self._xp: Any = array_api_strict
        self._layers, self._cost, self._dtype, self._seed = network.layers, cost, dtype, seed
        self._scores: dict[int, list[HostArray]] = {}  # of training, by epoch
        self.use(groups)
        with self._computing():
            self._params: dict[Path, Any] = {path: self._array(leaf) for path, leaf in leaves(start)}
            self._states = {path: update.initial(self._params[path]) for path, update in self._updates.items()}

    def use(self, groups: Sequence[Group]) -> None:
        """Take over groups whose settings may have changed."""
        self._groups = groups
        self._updates = {
            path: ParameterUpdate(group, param, k < group.penalised)
            for group in groups
            if group.rule is not None
            for k, (path, param) in enumerate(zip(group.paths, group.params, strict=True))
        }

    @contextmanager
    def _computing(self) -> Iterator[None]:
        with self._xp.ArrayAPIStrictFlags(api_version=API), np.errstate(all="ignore"):
            yield

    def _array(self, leaf: Any) -> Any:
        array = np.asarray(leaf)
        return self._xp.asarray(np.array(array, dtype=self._dtype if array.dtype.kind == "f" else None))

    def _tree(self, flat: Mapping[Path, Any]) -> dict[str, Any]:
        """The parameters as layers take them: by label, then by name."""
        tree: dict[str, Any] = {label: {} for label, _ in self._layers}
        for path, leaf in flat.items():
            reduce(lambda branch, name: branch.setdefault(name, {}), path[:-1], tree)[path[-1]] = leaf
        return tree

    def _gradients(self, rows: Rows, key: Any) -> tuple[Any, Any, Any, list[Any], dict[Path, Any]]:
        """(loss, penalties on activations with what layers add, scores, caches, gradients by path) of a batch."""
        tree, v, outputs, caches = self._tree(self._params), rows.x, list[Any](), list[Any]()
        contexts = [StepContext(True, True, key, (label,), self._resting(), rows.mask) for label, _ in self._layers]
        for (label, layer), context in zip(self._layers, contexts, strict=True):
            v, cache = layer.forward(tree[label], v, context)
            outputs.append(v)
            caches.append(cache)
        loss, dy = self._cost.mean_and_delta(v, rows.target, rows.share)
        penalty, slopes, found = *self._activity(outputs, rows.mask), dict[Path, Any]()
        for k in reversed(range(len(self._layers))):
            label, layer = self._layers[k]
            dx, own = layer.backward(tree[label], caches[k], dy + slopes.get(k, 0.0), contexts[k])
            found.update(leaves({label: own}))
            dy = dy if dx is None else dx
            if isinstance(layer, Auxiliary) and contexts[k].training:
                value, slope, own = layer.auxiliary(tree[label], caches[k], contexts[k])
                penalty, dy = penalty + value, dy if slope is None else dy + slope
                found.update((path, found.get(path, 0.0) + g) for path, g in leaves({label: own}))
        return loss, penalty, v, caches, found

    def _resting(self) -> frozenset[Path]:
        """Layers with buffers none of whose parameters train, though they have some."""
        holders = {path[: path.index("buffers")] for path in self._params if "buffers" in path}
        own = {each: [p for p in self._params if p[: len(each)] == each and "buffers" not in p] for each in holders}
        return frozenset(each for each, paths in own.items() if paths and not any(p in self._updates for p in paths))

    def _activity(self, outputs: Sequence[Any], mask: Any) -> tuple[Any, dict[int, Any]]:
        """(penalties on the outputs of hidden layers over the rows that count, their slopes by number of the layer)."""
        penalty, slopes = 0.0, dict[int, Any]()
        for part in (part for group in self._groups if not group.paths for part in group.regularizers):
            for k, v in enumerate(outputs[:-1]):
                counts = mask if mask is None or v.shape[: mask.ndim] == mask.shape else ops.any_position(mask)
                kept = 1.0 if counts is None else self._xp.astype(ops.along_rows(counts, v), v.dtype)
                h: Any = settings(part, self.step, {})
                (value, slope), (zero, _) = (part.value_and_gradient(u, h) for u in (v * kept, 0 * v))
                out: Any = 0.0 if counts is None else 1 - float(ops.counted_rows(counts, v)) / counts.size
                rows = max(float(ops.counted_rows(None if mask is None else ops.any_position(mask), v)), 1.0)
                penalty, slopes[k] = penalty + (value - out * zero) / rows, slopes.get(k, 0.0) + slope * kept / rows
        return penalty, slopes

    def load(self, data: Data, collect: bool, collected: HostArray | None = None) -> None:
        """Train on these arrays from now on."""
        self._data, self._scores = data, {} if collected is None else {-1: list(collected)}

    def run(self, batches: Batches, start: int, stop: int) -> Losses:
        """The steps start .. stop - 1, up to one whose loss or parameters are not finite."""
        made: list[tuple[float, float, float]] = []
        for i in range(start, stop):
            before = dict(self._params), dict(self._states)
            with self._computing():
                made.append(self._train(batches, i))
            finite = all(np.isfinite(np.asarray(p)).all() for p in self._params.values())
            if not finite or not math.isfinite(made[-1][0]):
                self._params, self._states = before
                break
            self.step += 1
        return Losses(*map(list, zip(*made, strict=True)))  # type: ignore[arg-type]  # three of them

    def _train(self, batches: Batches, i: int) -> tuple[float, float, float]:
        """(loss, penalty, weight) of one step; nothing is updated where the loss is not finite."""
        epoch, number = batches.at(i)
        key = epoch_key(self._seed, epoch).child(number)
        rows = self._augmented(self._rows(batches.rows(i)), key)
        loss, penalty, scores, caches, gradients = self._gradients(rows, key)
        if math.isfinite(float(loss)):
            for path, update in self._updates.items():
                place = self._params[path], gradients[path], self._states[path], self.step
                p, states, more = update.update(*place, {"loss": loss, "weight": rows.weight, "key": key})
                self._params[path], self._states[path], penalty = p, states, penalty + more
            self._refresh(caches)
            self._scores.setdefault(epoch, self._scores.pop(-1, [])).extend(np.asarray(scores))
        return float(loss), float(penalty), rows.weight

    def _rows(self, numbers: HostArray) -> Rows:
        data, n = self._data, len(numbers)
        x, target = self._array(data.x[numbers]), self._array(data.target[numbers])
        if data.weight is None:
            return Rows(x, target, 1.0 / n, None, float(n))
        w, mask = data.weight[numbers], None if data.counts is None else self._xp.asarray(data.counts[numbers])
        total = float(w.size if data.by_rows else w.sum())
        return Rows(x, target, self._array(w / (total or 1.0)), mask, float(n) if data.by_rows else total)

    def _augmented(self, rows: Rows, key: Any) -> Rows:
        """The rows as augmentations change them; what their losses are divided by stays."""
        x, target, share, mask, _ = rows
        given: Any = None if isinstance(share, float) else share * share.size
        weight = given
        for i, part in enumerate(part for group in self._groups for part in group.augmentations):
            own = key.child(f"augmentations[{i}]")
            x, target, weight = part.augment(x, target, weight, own, settings(part, self.step, {}))
        if weight is not given:
            share = weight / weight.size if mask is None else self._xp.where(mask, weight / weight.size, 0.0)
        return rows._replace(x=x, target=target, share=share)

    def _refresh(self, caches: Sequence[Any]) -> None:
        tree = self._tree(self._params)
        for (label, layer), cache in zip(self._layers, caches, strict=True):
            if isinstance(layer, Refresh) and (label,) not in self._resting():
                self._params.update(leaves({label: layer.refresh(tree[label], cache)}))

    @property
    def parameters(self) -> dict[str, HostArray]:
        """A copy of every parameter and buffer to predict with."""
        return {"/".join(path): np.array(p) for path, p in self._shown().items()}

    def _shown(self) -> dict[Path, Any]:
        params, states, step = self._params, self._states, self.step
        with self._computing():
            return params | {path: u.shown(params[path], states[path], step) for path, u in self._updates.items()}

    def assign(self, values: Mapping[str, HostArray]) -> None:
        """Replace some parameters."""
        for name, value in values.items():
            path = tuple(name.split("/"))
            self._params[path] = p = self._array(value)
            if (update := self._updates.get(path)) is not None:
                with self._computing():
                    self._states[path] = update.restarted(p, self._states[path]) if self.step else update.initial(p)

    def snapshot(self) -> dict[str, HostArray]:
        """Copies of parameters and states, by "parameters/layer/name" and "states/number/layer/name/number/name"."""
        numbered = {"/".join(path): {str(j): each for j, each in enumerate(s)} for path, s in self._states.items()}
        flat = {**{("parameters", *path): p for path, p in self._params.items()}, **dict(leaves({"states": numbered}))}
        return {"/".join(path): np.array(leaf) for path, leaf in flat.items()}

    def restore(self, arrays: Mapping[str, HostArray], step: int) -> None:
        """The state of a snapshot, made after `step` steps."""

        def like(tree: Any, name: str) -> Any:
            if isinstance(tree, Mapping):
                return {key: like(leaf, f"{name}/{key}") for key, leaf in tree.items()}
            return self._array(arrays[name])

        self.step = step
        self._params = {path: like(p, "/".join(("parameters", *path))) for path, p in self._params.items()}
        for path, states in self._states.items():
            self._states[path] = [like(state, f"states/{'/'.join(path)}/{j}") for j, state in enumerate(states)]

    def commit(self) -> bool:
        """Every step has looked."""
        return True

    def collected(self) -> HostArray:
        """The training scores of the latest epoch."""
        return np.array(self._scores[max(self._scores)])

    def scores(self, x: HostArray) -> HostArray:
        """Scores of rows in evaluation mode."""
        tree, v, context = self._tree(self._shown()), self._array(x), StepContext(False, True, epoch_key(0, 0))
        with self._computing():
            for label, layer in self._layers:
                v, _ = layer.forward(tree[label], v, context)
        return np.array(v)

    def setting(self, name: str, step: int) -> float | None:
        """A setting of the first group's rule in the update that led to `step`."""
        rule = next((group.rule for group in self._groups if group.rule is not None), None)
        value = None if rule is None else getattr(settings(rule, max(step - 1, 0), {}), name, None)
        return float(value) if isinstance(value, int | float) else None
