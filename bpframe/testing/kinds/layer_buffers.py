"""The laws of layers that keep numbers which are not trained: running statistics, scales learned from the data."""

from __future__ import annotations

import numpy as np

from bpframe import tree
from bpframe.network.context import StepContext
from bpframe.testing.laws import precision
from bpframe.testing.laws.comparison import close, finite, require, same, scale
from bpframe.testing.laws.layer_run import KEY, Case
from bpframe.testing.laws.purity import untouched
from bpframe.types import Params


def context(training: bool) -> StepContext:
    """The context of the passes of all checks."""
    return StepContext(training, True, KEY)


def refreshed(case: Case) -> None:
    """`refresh` follows a training step: new buffers, of the same names, shapes and dtypes, in the same tree."""
    for dtype in precision.DTYPES:
        params = case.in_dtype(dtype)
        _, cache = case.layer.forward(params, case.x().astype(dtype), context(True))
        after = untouched("refresh", case.layer.refresh, params, cache)
        _same_tree("refresh", after, params)
        finite("refreshed buffers", after)
        before = {path: leaf.tobytes() for path, leaf in tree.leaves(params)}
        moved = [path for path, leaf in tree.leaves(after) if np.asarray(leaf).tobytes() != before[path]]
        require(moved, "refresh must change buffers after a training step, but all stayed as they were")


def fitted(case: Case) -> None:
    """`fit` learns buffers: the same tree, finite, whatever the order of the rows and if a column is constant."""
    params, x = case.params, case.x(rows=12)
    after = untouched("fit", case.layer.fit, params, x)
    _same_tree("fit", after, params)
    back = case.layer.fit(params, x[::-1].copy())
    for path, leaf in tree.leaves(after):
        close(
            f"{'/'.join(path)} fitted to the same rows backwards", tree.at(back, path), leaf, 1e-9, 1e-9 * scale(leaf)
        )
    constant = case.layer.fit(params, np.ones_like(x))
    finite("buffers fitted to rows that are all alike", constant)
    finite("a pass after that", case.pass_(constant, x))


def _same_tree(name: str, after: Params, before: Params) -> None:
    """The same names, shapes and dtypes; what is trained keeps its values."""
    leaves, wanted = dict(tree.leaves(after)), dict(tree.leaves(before))
    require(leaves.keys() == wanted.keys(), f"{name} must give the same tree, {sorted(wanted)}, got {sorted(leaves)}")
    for path, leaf in leaves.items():
        place = "/".join(path)
        want = wanted[path]
        kept = np.shape(leaf) == np.shape(want) and np.asarray(leaf).dtype == want.dtype
        got = f"{np.asarray(leaf).dtype} {np.shape(leaf)}"
        require(kept, f"{name}: {place} must stay {want.dtype} {np.shape(want)}, got {got}")
        if "buffers" not in path:
            same(f"{name}: the trained {place}", leaf, want)
