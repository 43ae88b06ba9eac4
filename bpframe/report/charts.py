"""Charts: the curves of runs as what the page draws, one chart for each name of a curve.

{"runs": [{"name", "group"}], "groups": [{"name", "runs"}], "curves": [packed], "charts": [chart]}, where a chart is
{"title", "log", "lines": [{"run", "part", "curve"}], "bands": [{"group", "part", "mean", "low", "high"}]} and numbers
count runs, groups and curves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bpframe.plot.seed_bands import band
from bpframe.report.packed_curves import PackedCurves
from bpframe.report.run_record import RunRecord
from bpframe.report.seed_groups import SeedGroup
from bpframe.report.thinning import MOST_POINTS, thinned_positions
from bpframe.types import HostArray

TITLES = {"lr": "learning rate"}
FIRST = ("loss", "objective")  # charts that stand before others; the learning rate stands behind
DECADES = 1.5  # of positive values, from which a logarithmic axis helps


def chart_data(
    runs: Sequence[RunRecord], groups: Sequence[SeedGroup], most: int | None = MOST_POINTS
) -> dict[str, Any]:
    """What the page draws of these runs; `most`: points of a curve, None for all."""
    packed = PackedCurves(most)
    group_of = {run: number for number, group in enumerate(groups) for run in group.runs}
    charts = [_chart(title, parts, groups, packed, most) for title, parts in _by_title(runs).items()]
    return {
        "runs": [{"name": run.name, "group": group_of[i], "best": run.best_epoch} for i, run in enumerate(runs)],
        "groups": [{"name": group.name, "runs": list(group.runs)} for group in groups],
        "curves": packed.curves,
        "charts": charts,
        "longest": packed.longest,
    }


Parts = dict[str, dict[int, HostArray]]  # "validation" -> number of the run -> its curve


def _by_title(runs: Sequence[RunRecord]) -> dict[str, Parts]:
    """The curves of all runs by the title of their chart, then by part.

    A whole name is "part.title", or "part.title/layer": layers share a chart.
    """
    found: dict[str, Parts] = {}
    for i, run in enumerate(runs):
        for name, curve in run.curves.items():
            whole, _, layer = name.partition("/")
            part, _, last = whole.rpartition(".")
            of = f"{part} {layer}".strip()
            found.setdefault(TITLES.get(last, last), {}).setdefault(of, {})[i] = curve
    order = {title: (title not in FIRST, title in TITLES.values(), k) for k, title in enumerate(found)}
    return {title: found[title] for title in sorted(found, key=order.__getitem__)}


def _chart(
    title: str, parts: Parts, groups: Sequence[SeedGroup], packed: PackedCurves, most: int | None
) -> dict[str, Any]:
    lines = [
        {"run": run, "part": part, "curve": packed.add(curve)}
        for part, of in parts.items()
        for run, curve in of.items()
    ]
    bands = [
        {"group": number, "part": part, **_band(curves, packed, most)}
        for part, of in parts.items()
        for number, group in enumerate(groups)
        if len(curves := [of[run] for run in group.runs if run in of]) > 1
    ]
    return {"title": title, "log": _helps_log([curve for of in parts.values() for curve in of.values()])} | {
        "lines": lines,
        "bands": bands,
    }


def _band(curves: Sequence[HostArray], packed: PackedCurves, most: int | None) -> Mapping[str, int]:
    """The mean over runs and its 95% interval, at the same epochs, as far as two runs go."""
    end = sorted(map(len, curves))[-2]  # behind it the mean would jump to the one run that is left
    found = band([curve[:end] for curve in curves])
    at = thinned_positions(found.mean, None if most is None else most // 4)  # three curves, of which none is sharp
    named = {"mean": found.mean, "low": found.low, "high": found.high}
    return {name: packed.add_at(at, curve) for name, curve in named.items()}


def _helps_log(curves: Sequence[HostArray]) -> bool:
    """Whether all values are positive and spread over decades."""
    values = np.concatenate([curve[np.isfinite(curve)] for curve in curves])
    return bool(len(values) and values.min() > 0 and np.log10(values.max() / values.min()) > DECADES)
