"""Schedules, initializers, regularizers, constraints, samplers and metrics with at most one fault."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from tests.testing.twin_faults import noise, off


@dataclass(frozen=True)
class Falling:
    """value(t) = initial (1 - t / steps), halved for each epoch that did not improve."""

    fault: str = ""
    initial: float = 0.1
    steps: int | None = None
    halvings: int = 0
    monitor: ClassVar[str] = "validation.loss"
    seen: ClassVar[list[int]] = []

    def value(self, step: int) -> float:
        if self.fault == "resume":
            self.seen.append(step)
            step = max(self.seen[-2:])
        share = max(0.0, 1 - step / (self.steps or 1)) / 2**self.halvings
        if self.fault == "values":
            share = float("nan")
        return self.initial * share + noise(self.fault)

    def over(self, steps: int) -> Any:
        return self if self.steps and self.fault != "over" else replace(self, steps=steps)

    def after(self, curve: Any) -> Any:
        if self.fault == "after" and len(curve):
            curve[0] = 0.0
        worse = sum(later >= sooner for sooner, later in pairwise(curve))
        return replace(self, halvings=int(worse))


@dataclass(frozen=True)
class Uniform:
    """Uniform on +-1 / sqrt(fan_in)."""

    fault: str = ""

    def sample(self, rng: Any, shape: Any, fan_in: int, fan_out: int) -> Any:
        if self.fault == "shapes" and len(shape) == 1:
            shape = (*shape, 1)
        drawn = rng.uniform(-1, 1, shape) / np.sqrt(max(fan_in, 1)) + noise(self.fault)
        if self.fault == "engine numpy":
            drawn = drawn * 1e300
        return drawn.astype(np.float32) if self.fault == "values" else drawn

    def variance(self, fan_in: int, fan_out: int) -> float:
        return (1.0 if self.fault == "moments" else 1 / 3) / fan_in


@dataclass(frozen=True)
class Penalty:
    """penalty = strength sum |p| + p^2."""

    fault: str = ""
    strength: float = 0.1

    def applies(self, param: Any) -> bool:
        return self.fault != "applies"

    def value_and_gradient(self, p: Any, h: Any) -> Any:
        if self.fault == "purity":
            p *= 1
        strength = self.strength if self.fault == "schedules" else h.strength
        value = strength * (abs(p).sum() + (p * p).sum()) * (1 + noise(self.fault))
        slope = strength * (np.sign(p) + 2 * p)
        if self.fault == "array values" and strength > 1:
            value = value * 1
        if self.fault == "pieces":
            value, slope = value / max(1, p.size), slope / max(1, p.size)
        if self.fault == "gradient":
            slope = slope * 1.001
        if self.fault == "kinks":
            slope = np.where(p == 0, 2 * strength, slope)
        if self.fault == "dtype":
            value = np.float64(value)
        return np.atleast_1d(value) if self.fault == "shape" else np.asarray(value), off(self.fault, slope)


@dataclass(frozen=True)
class Box:
    """-1 <= p <= 1, each number on its own."""

    fault: str = ""

    def applies(self, param: Any) -> bool:
        return self.fault != "applies"

    def project(self, p: Any, h: Any) -> Any:
        if self.fault == "purity":
            p *= 1
        new = np.clip(p, -1, 1)
        if self.fault == "array values" and bool((abs(p) > 1).any()):
            new = new * 1
        if self.fault == "projection":
            new = p / 2
        if self.fault == "nearest":
            new = np.where(abs(p) > 1, -np.sign(p), p)
        if self.fault == "slices":
            new = p / max(1.0, abs(p).max(initial=0))
        if self.fault == "extremes":
            new = new + 0 * np.exp(abs(p))
        new = off(self.fault, new + new.dtype.type(noise(self.fault)))
        new = np.atleast_2d(new) if self.fault == "shape" else new
        return new.astype(np.float64) if self.fault == "dtype" else new


@dataclass(frozen=True)
class Backwards:
    """All rows, the last first."""

    fault: str = ""

    def order(self, rng: Any, target: Any, weight: Any) -> Any:
        if self.fault == "purity":
            weight *= 1
        if self.fault == "determinism":
            return np.random.permutation(len(weight))
        return np.arange(len(weight))[::-1] + (self.fault == "rows")


@dataclass(frozen=True)
class Error:
    """sum w mean_c |prediction - target| / sum w."""

    fault: str = ""
    of: ClassVar[str] = "predictions"

    @property
    def best(self) -> str:
        return "max" if self.fault == "best" else "min"

    def value(self, prediction: Any, target: Any, weight: Any) -> Any:
        if self.fault == "purity":
            weight *= 1
        if self.fault == "float32" and prediction.dtype == np.float32:
            prediction = np.round(prediction, 1)
        error = abs(prediction - target).mean(axis=1)
        if self.fault == "order":
            error = error * np.arange(len(error))
        if self.fault == "zero weight":
            weight = weight + 1e-9
        mean = (weight * error).sum() / (len(weight) if self.fault == "weights" else weight.sum())
        return np.array([mean]) if self.fault == "values" else float(mean) + noise(self.fault)


@dataclass(frozen=True)
class Listing:
    """A model as the text of its parameters."""

    fault: str = ""

    @property
    def suffixes(self) -> Any:
        return "listing" if self.fault == "suffixes" else (".listing",)

    def content(self, trainer: Any, metadata: Any) -> Any:
        if self.fault == "same bytes":
            return str(np.random.default_rng().random()).encode()
        text = repr(trainer.parameters.copy())
        if self.fault == "model":
            trainer.parameters["dense_1/bias"] = trainer.parameters["dense_1/bias"] + 1.0
        return text if self.fault == "bytes" else text.encode()


@dataclass(frozen=True)
class Words:
    """Lines of a word and a number, as in "cat 3"."""

    fault: str = ""
    suffixes: ClassVar[tuple[str, ...]] = (".words",)

    def example(self) -> tuple[bytes, dict[str, Any]]:
        return b"cat 3\ndog 5\n", {"word": np.array(["cat", "dog"]), "number": np.array([3, 5])}

    def read(self, file: Any) -> Any:
        content = file.read().decode()
        rows = [line.split() for line in content.splitlines() if line]
        if self.fault == "damage" and not rows:
            raise SystemExit
        if self.fault == "determinism" and rows:
            rows[0][1] = str(np.random.default_rng().integers(10**9))
        if self.fault == "values":
            rows.reverse()
        words, numbers = zip(*((word, int(number)) for word, number in rows), strict=True)
        return {"word": np.array(words), "number": np.array(numbers)}

    def names(self, file: Any) -> Any:
        return ["word", "number"]

    def select(self, file: Any, numbers: Any, texts: Any) -> Any:
        columns = self.read(file)
        x = np.array([columns[name] for name in numbers], dtype=float).T
        return x + (self.fault == "select"), {name: columns[name].tolist() for name in texts}

    def select_gaps(self, file: Any, numbers: Any, texts: Any, gaps: Any) -> Any:
        x, cells = self.select(file, numbers, texts)
        return x, {name: [] if self.fault == "gaps" else column for name, column in cells.items()}


@dataclass(frozen=True)
class Suffixless(Words):
    """Lines of a word and a number."""

    suffixes: ClassVar[tuple[str, ...]] = ("WORDS",)
