"""The laws of layer buffers, which are not trained: running statistics, scales computed from the data."""

from __future__ import annotations

from functools import partial, reduce
from itertools import pairwise

import numpy as np

from bpframe import tree
from bpframe.network.context import StepContext
from bpframe.protocols import BlockFit, Fit, Refresh, Statistics, WeightedFit
from bpframe.protocols.traits import removes_offset
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import max_abs, require, require_close, require_finite, require_same_bits
from bpframe.testing.laws.layer_run import KEY, LayerRun
from bpframe.testing.laws.purity import call_read_only
from bpframe.types import HostArray, Params

OFFSET = 64.0


def step_context(training: bool) -> StepContext:
    """The step context of all checks."""
    return StepContext(training, True, KEY)


def require_refresh(run: LayerRun) -> None:
    """`refresh` after a training step: new values of buffers, in a tree of the same names, shapes and dtypes."""
    layer = run.layer
    assert isinstance(layer, Refresh)
    for dtype in precision.DTYPES:
        params = run.in_dtype(dtype)
        _, cache = run.layer.forward(params, run.x().astype(dtype), step_context(True))
        after = call_read_only("refresh", layer.refresh, params, cache)
        _same_tree("refresh", after, params)
        require_finite("refreshed buffers", after)
        before = {path: leaf.tobytes() for path, leaf in tree.leaves(params)}
        moved = [path for path, leaf in tree.leaves(after) if np.asarray(leaf).tobytes() != before[path]]
        require(moved, "refresh must change buffers after a training step, but all stayed as they were")


def require_batch_statistics(run: LayerRun) -> None:
    """`statistics` of a training pass: with them evaluation gives for these rows what training gave; the same tree."""
    layer = run.layer
    assert isinstance(layer, Statistics)
    for dtype in precision.DTYPES:
        params, x = run.in_dtype(dtype), run.x(rows=12).astype(dtype)
        y, cache = run.layer.forward(params, x, step_context(True))
        after = call_read_only("statistics", layer.statistics, params, cache)
        _same_tree("statistics", after, params)
        shown, _ = run.layer.forward(after, x, step_context(False))
        near = 1e-9 if dtype == "float64" else 1e-3
        require_close("evaluation with the statistics of these rows", shown, y, near, near * max_abs(y))


def require_fit(run: LayerRun) -> None:
    """`fit` computes buffers: in the same tree, finite also for constant columns, independent of the order of rows.

    Where the layer has `weighted_fit`, a row of weight 2 is one that stands twice.
    """
    layer, params, x = run.layer, run.params, run.x(rows=12)
    assert isinstance(layer, Fit)
    after = call_read_only("fit", layer.fit, params, x)
    _same_tree("fit", after, params)
    back = layer.fit(params, x[::-1].copy())
    for path, leaf in tree.leaves(after):
        require_close(
            f"{'/'.join(path)} fitted to the same rows backwards", tree.at(back, path), leaf, 1e-9, 1e-9 * max_abs(leaf)
        )
    if isinstance(layer, WeightedFit):
        times = np.arange(len(x)) % 3 + 1
        weighted = call_read_only("weighted_fit", layer.weighted_fit, params, x, times.astype(np.float64))
        _same_tree("weighted_fit", weighted, params)
        for path, leaf in tree.leaves(layer.fit(params, np.repeat(x, times, axis=0))):
            what = f"{'/'.join(path)} fitted by weights, beside rows that stand as often"
            require_close(what, tree.at(weighted, path), leaf, 1e-9, 1e-9 * max_abs(leaf))
    constant = layer.fit(params, np.ones_like(x))
    require_finite("buffers fitted to rows that are all alike", constant)
    require_finite("a pass after that", run.forward_backward(constant, x))
    if removes_offset(layer):
        _require_no_offset(run, x, after)


def require_block_fit(run: LayerRun) -> None:
    """Blocks of rows, merged from left to right and back, give the buffers of `fit`; rows with weights count as those.

    What is known of two blocks together is of the shapes of one.
    """
    layer, params, x = run.layer, run.params, run.x(rows=12)
    assert isinstance(layer, BlockFit)
    assert isinstance(layer, Fit)
    times = np.arange(len(x)) % 3 + 1.0
    wanted: list[tuple[HostArray | None, Params]] = [(None, layer.fit(params, x))]
    if isinstance(layer, WeightedFit):
        wanted.append((times, layer.weighted_fit(params, x, times)))
    for weight, want in wanted:
        for cuts in ((), (1, 5), (4, 7, 11)):
            bounds = list(pairwise((0, *cuts, len(x))))
            blocks = [(x[i:j], None if weight is None else weight[i:j]) for i, j in bounds]
            known = [call_read_only("fit_block", layer.fit_block, params, *block) for block in blocks]
            for each in (known, known[::-1]):
                merged = reduce(partial(call_read_only, "merge", layer.merge), each)
                shapes = [{path: np.shape(leaf) for path, leaf in tree.leaves(of)} for of in (known[0], merged)]
                require(shapes[0] == shapes[1], f"merge must keep the shapes {shapes[0]}, got {shapes[1]}")
                after = call_read_only("fit_merged", layer.fit_merged, params, merged)
                _same_tree("fit_merged", after, params)
                for path, leaf in tree.leaves(want):
                    what = f"{'/'.join(path)} fitted to {len(each)} blocks, beside all rows at once"
                    require_close(what, tree.at(after, path), leaf, 1e-9, 1e-9 * max_abs(leaf))


def _require_no_offset(run: LayerRun, x: HostArray, fitted: Params) -> None:
    """What a layer that removes offsets gives does not change with a number that is added to its inputs."""
    assert isinstance(run.layer, Fit)
    moved = run.layer.fit(run.params, x + OFFSET)
    got, want = (
        run.layer.forward(params, rows, step_context(False))[0] for params, rows in ((moved, x + OFFSET), (fitted, x))
    )
    what = f"outputs for inputs to which {OFFSET:g} was added, fitted to those (removes_offset = True),"
    require_close(what, got, want, 1e-9, 1e-9 * max_abs(want))


def _same_tree(name: str, after: Params, before: Params) -> None:
    """The same names, shapes and dtypes; trained parameters keep their values."""
    leaves, wanted = dict(tree.leaves(after)), dict(tree.leaves(before))
    require(leaves.keys() == wanted.keys(), f"{name} must give the same tree, {sorted(wanted)}, got {sorted(leaves)}")
    for path, leaf in leaves.items():
        place = "/".join(path)
        want = wanted[path]
        kept = np.shape(leaf) == np.shape(want) and np.asarray(leaf).dtype == want.dtype
        got = f"{np.asarray(leaf).dtype} {np.shape(leaf)}"
        require(kept, f"{name}: {place} must stay {want.dtype} {np.shape(want)}, got {got}")
        if "buffers" not in path:
            require_same_bits(f"{name}: the trained {place}", leaf, want)
