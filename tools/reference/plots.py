"""What is drawn of a component: an activation and its slope, a loss and its delta, a schedule over a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

import bpframe as bp
from bpframe.network.context import EVALUATION
from bpframe.protocols import After, Over
from bpframe.registry.builder import parameters
from bpframe.types import HostArray
from tools.reference import loss_lines
from tools.reference.curves import Curve, Function, Range, curve
from tools.reference.drawn import ARGUMENTS, EPOCH, RUN
from tools.reference.figure import Figure

U = (-4.0, 4.0)
ROW = 3  # numbers in the row of an activation that takes whole rows; the first is drawn, the others are 0


@dataclass(frozen=True)
class Plot:
    """A picture, and what the reader must know of it besides."""

    figure: Figure
    note: str


def plot(kind: str, name: str) -> Plot | None:
    """The picture of an activation, a loss or a schedule; None for one that does not fit on two axes."""
    cls: Any = bp.load(kind, name)
    given = ARGUMENTS[kind].get(name)
    if given is None and any(p.default is p.empty for p in parameters(cls).values()):
        given = {"initial": 0.1} if kind == "schedule" else cls.example_configs()[0]
    spec = {"name": name, **(given or {})}
    component = bp.build(kind, spec)
    figure = {"activation": activation, "loss": loss, "schedule": schedule}[kind](name, component)
    if figure is None:
        return None
    run = f", in a run of {RUN} updates" if kind == "schedule" else ""
    return Plot(figure, f"Drawn: `{written(spec)}`{run}." if given else "")


def written(value: Any) -> str:
    """A specification as a call: {"name": "step", "every": 3} is step(every=3)."""
    if isinstance(value, dict):
        return f"{value['name']}({', '.join(f'{key}={written(value[key])}' for key in value if key != 'name')})"
    return f"({', '.join(map(written, value))})" if isinstance(value, tuple) else repr(value)


def activation(name: str, component: Any) -> Figure | None:
    """phi and phi' over u; None for one that gives rows of another width than it takes."""
    layer = hasattr(component, "forward")
    if layer and component.init(np.random.default_rng(0), (2 * ROW,))[1] != (2 * ROW,):
        return None
    value, slope, mixes = _of_layer(component) if layer else (*_elementwise(component), False)
    kinks = getattr(component, "kinks", ())
    ends = min([U[0], *(k - 2 for k in kinks)]), max([U[1], *(k + 2 for k in kinks)])
    names = ("v_1", "dv_1 / du_1", "u_1, in a row (u_1, 0, 0)") if mixes else ("v = phi(u)", "phi'(u)", "u")
    curves = curve(names[0], value, ends), curve(names[1], slope, ends)
    most = min(ends[0], -5.0), max(ends[1], 5.0)
    return Figure(f"{name}: {names[0]} and {names[1]}", names[2], ends, _window(curves, most), curves)


def _elementwise(component: Any) -> tuple[Function, Function]:
    """(phi, phi') of numbers."""

    def value(u: float) -> float:
        return float(component.value(np.array([u]))[0])

    return value, lambda u: float(component.derivative(component.value(np.array([u])))[0])


def _of_layer(component: Any) -> tuple[Function, Function, bool]:
    """(phi, phi') of the first number in a row of zeros, and whether a value depends on its whole row."""
    params = component.init(np.random.default_rng(0), (ROW,))[0]
    first = np.eye(ROW)[:1]

    def both(u: float) -> tuple[HostArray, HostArray]:
        y, cache = component.forward(params, u * first, EVALUATION)
        return y[0], component.backward(params, cache, first, EVALUATION)[0][0]

    return lambda u: float(both(u)[0][0]), lambda u: float(both(u)[1][0]), bool(both(0.5)[1][1:].any())


def loss(name: str, component: Any) -> Figure | None:
    """The loss and its delta along one score; None for several losses in one."""
    line = loss_lines.line(component)
    if line is None:
        return None

    def value(x: float) -> float:
        return float(np.sum(component.value_and_delta(line.scores(x), line.target)[0]))

    def delta(x: float) -> float:
        return float(component.value_and_delta(line.scores(x), line.target)[1][0, 0])

    curves = curve("loss", value, line.ends), curve("delta", delta, line.ends)
    return Figure(f"{name}: loss and delta", line.axis, line.ends, _window(curves, line.most), curves)


def schedule(name: str, component: Any) -> Figure:
    """The value over a run; for one that follows a curve of the history, that curve too."""
    told: Any = component.over(RUN) if isinstance(component, Over) else component
    follows, ends = isinstance(told, After), (0.0, float(RUN))

    def history(t: float) -> float:
        return max(math.exp(-t / EPOCH / 6), 0.05)  # falls for 18 epochs, then no more

    past = [history(EPOCH * (epoch + 1)) for epoch in range(RUN // EPOCH)]
    values = [float((told.after(past[: step // EPOCH]) if follows else told).value(step)) for step in range(RUN + 1)]

    def value(t: float) -> float:
        before = min(int(t), RUN - 1)
        return values[before] + (t - before) * (values[before + 1] - values[before])  # a line to the next update

    curves: tuple[Curve, ...] = (curve("value(t)", value, ends),)
    if follows:
        curves += (curve(told.monitor, history, ends),)
    return Figure(f"{name}: value over a run", "t, updates made", ends, _window(curves, (0.0, math.inf)), curves)


def _window(curves: tuple[Curve, ...], most: Range) -> Range:
    """From the lowest point to the highest and 0, but not beyond `most`, with a margin."""
    heights = [y for line in curves for piece in line.pieces for _, y in piece]
    low, high = max(min(0.0, *heights), most[0]), min(max(0.0, *heights), most[1])
    pad = 0.06 * (high - low)
    return low - pad, high + pad
