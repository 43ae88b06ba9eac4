"""The laws of a layer.  x (B, *in_shape), dy like y; params and gradients are trees.

A layer whose rows depend on each other in evaluation, too, declares `coupled = True`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, final

import numpy as np

from bpframe import tree
from bpframe.context import StepContext
from bpframe.random import HashKey
from bpframe.registry import registry
from bpframe.testing import precision
from bpframe.testing.comparison import arrays_in, close, require, same, scale, shaped
from bpframe.testing.gradients import Problem, verify
from bpframe.testing.purity import deterministic, global_draws, untouched
from bpframe.testing.report import Check, Report, Skipped, run_checks
from bpframe.types import HostArray, Params, Shape

KEY = HashKey(1, 2)
ROWS = 4


def check_layer(layer: Any, in_shape: Shape = (5,)) -> Report:
    """A report, or CheckFailed: gradients are those of forward, backward is linear, nothing is changed or kept."""
    return run_checks(f"layer {layer!r}", layer_checks(layer, in_shape))


def layer_checks(layer: Any, in_shape: Shape, kind: str = "layer") -> dict[str, Check]:
    """The checks by name."""
    case = Case(layer, in_shape)
    return {
        "protocol": partial(registry.check, kind, layer, None),
        "init": case.init,
        "gradient of x": partial(verify, "dx", case.problem_x),
        "gradient of parameters": case.gradient_of_parameters,
        "linearity": case.linearity,
        "additivity": case.additivity,
        "need_dx": case.need_dx,
        "dtype": lambda: precision.kept(case.both),
        "float32": lambda: precision.agreeing(case.both),
        "purity": case.untouched,
        "determinism": partial(deterministic(layer), partial(case.both, precision.DTYPES[1])),
    }


@final
@dataclass(frozen=True)
class Case:
    """A layer on rows of one shape."""

    layer: Any
    in_shape: Shape

    @cached_property
    def params(self) -> Params:
        """Initial parameters in float64, moved a little, so that no bias is 0."""
        rng = np.random.default_rng(4)
        made, _ = self.layer.init(np.random.default_rng(3), self.in_shape)
        return tree.transform(
            made, lambda leaf: np.asarray(leaf, dtype=np.float64) + 0.1 * rng.normal(size=np.shape(leaf))
        )

    def x(self, seed: int = 0, rows: int = ROWS) -> HostArray:
        """Random rows."""
        return np.random.default_rng(seed).normal(size=(rows, *self.in_shape))

    def pass_(
        self, params: Params, x: Any, dy: Any = None, training: bool = True, need_dx: bool = True
    ) -> dict[str, Any]:
        """Forward, and back from dy (left out: random numbers of y's shape)."""
        context = StepContext(training, need_dx, KEY)
        y, cache = self.layer.forward(params, x, context)
        dy = self.dy(y) if dy is None else dy
        dx, gradients = self.layer.backward(params, cache, dy, context)
        return {"y": y, "dx": dx, "gradients": gradients}

    def dy(self, y: Any) -> HostArray:
        """Random numbers of y's shape and dtype."""
        like = np.asarray(y)
        return np.asarray(np.random.default_rng(9).normal(size=like.shape), dtype=like.dtype)

    def both(self, dtype: np.dtype[Any]) -> dict[str, Any]:
        """A pass in a dtype."""
        params = tree.transform(self.params, lambda leaf: leaf.astype(dtype))
        return self.pass_(params, self.x().astype(dtype))

    def init(self) -> None:
        """Draws from its generator alone, and says the shape that forward gives."""
        drawn = global_draws()
        made, out = self.layer.init(np.random.default_rng(3), self.in_shape)
        again, _ = self.layer.init(np.random.default_rng(3), self.in_shape)
        require(global_draws() == drawn, "init draws from a global random generator; use the one that is given")
        same("parameters of a second init from the same generator", again, made)
        shaped("forward's output", self.pass_(self.params, self.x())["y"], (ROWS, *out))
        gradients = self.pass_(self.params, self.x())["gradients"]
        names = {path for path, _ in tree.leaves(gradients)}
        wanted = {path for path, _ in tree.leaves(self.params) if "buffers" not in path}
        require(names == wanted, f"backward must give gradients of {sorted(wanted)}, got {sorted(names)}")

    def problem_x(self, seed: int) -> Problem:
        """sum(dy * y) as a function of x."""
        x = self.x(seed)
        dy = self.dy(self.pass_(self.params, x)["y"])
        return Problem(lambda at: self._value(self.params, at, dy), lambda at: self.pass_(self.params, at, dy)["dx"], x)

    def gradient_of_parameters(self) -> None:
        """Each trained parameter on its own."""
        paths = [path for path, _ in tree.leaves(self.params) if "buffers" not in path]
        if not paths:
            raise Skipped("it has no parameters to train")
        for path in paths:
            verify(f"gradient of {'/'.join(path)}", partial(self._problem_of, path))

    def linearity(self) -> None:
        """backward(2 dy1 - 3 dy2) = 2 backward(dy1) - 3 backward(dy2)."""
        x = self.x()
        a = self.dy(self.pass_(self.params, x)["y"])
        b = np.roll(a, 1)
        combined, first, second = (
            dict(arrays_in({k: v for k, v in self.pass_(self.params, x, dy).items() if k != "y"}, "backward"))
            for dy in (2 * a - 3 * b, a, b)
        )
        for name, array in combined.items():
            want = 2 * first[name] - 3 * second[name]
            close(f"{name} of 2 dy1 - 3 dy2", array, want, 1e-9, 1e-10 * max(scale(first[name]), scale(second[name])))

    def additivity(self) -> None:
        """In evaluation, gradients of a batch are the sum of those of its parts."""
        if getattr(self.layer, "coupled", False):
            raise Skipped("its rows are coupled")
        x = self.x(rows=6)
        dy = self.dy(self.pass_(self.params, x, training=False)["y"])
        whole, *parts = (
            dict(arrays_in(self.pass_(self.params, x[rows], dy[rows], training=False)["gradients"], "gradients"))
            for rows in (slice(None), slice(0, 2), slice(2, None))
        )
        for name, array in whole.items():
            want = parts[0][name] + parts[1][name]
            close(f"{name} of a batch and of its parts", array, want, 1e-9, 1e-10 * scale(array))

    def need_dx(self) -> None:
        """Without need_dx the gradients of parameters stay the same."""
        x = self.x()
        spared = self.pass_(self.params, x, need_dx=False)
        same("gradients without need_dx", spared["gradients"], self.pass_(self.params, x)["gradients"])

    def untouched(self) -> None:
        """Neither way writes into what it is given."""
        context = StepContext(True, True, KEY)
        y, cache = untouched("forward", self.layer.forward, self.params, self.x(), context)
        untouched("backward", self.layer.backward, self.params, cache, self.dy(y), context)

    def _value(self, params: Params, x: Any, dy: Any) -> float:
        y, _ = self.layer.forward(params, x, StepContext(True, True, KEY))
        return float(np.sum(dy * y))

    def _problem_of(self, path: tuple[str, ...], seed: int) -> Problem:
        x = self.x(seed)
        dy = self.dy(self.pass_(self.params, x)["y"])

        def moved(at: HostArray) -> Params:
            params = tree.transform(self.params, lambda leaf: leaf)
            tree.assign(params, path, at)
            return params

        return Problem(
            lambda at: self._value(moved(at), x, dy),
            lambda at: tree.at(self.pass_(moved(at), x, dy)["gradients"], path),
            np.array(tree.at(self.params, path)),
        )
