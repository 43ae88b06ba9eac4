"""Optimizers and gradient steps that keep all laws, or break one by the fault that they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tests.testing.twin_faults import noise, off


class Tagged(np.ndarray):
    """An array that carries a number which no file keeps."""

    count = 0


@dataclass(frozen=True)
class Descent:
    """m <- momentum m + g; p <- p - lr m; predicts with the mean of p."""

    fault: str = ""
    lr: float = 0.01
    momentum: float = 0.5

    @property
    def scope(self) -> str:
        return "piece" if self.fault == "scope" else "element"

    def init(self, p: Any) -> Any:
        return {"m": np.zeros_like(p), "mean": p.copy(), "n": np.zeros((), p.dtype)}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        if self.fault == "purity":
            state["m"] += g
        if self.fault == "slices":
            g = g - g.sum() / 12
        if self.fault == "array values" and h.step > 1:
            g = g * 1
        m = (self.momentum if self.fault == "schedules" else h.momentum) * state["m"] + g
        m = m + 0 * g**11 if self.fault == "extremes" else m
        if self.fault == "save":
            m = m.view(Tagged)
            m.count = getattr(state["m"], "count", 0) + 1
        step = h.lr * m * (1.001 if self.fault == "reference" else 1 + noise(self.fault))
        if self.fault in ("quadratic", "rosenbrock"):
            step = step * 0
        new = p - step - (g / 1000 if self.fault == "lr 0" else 0)
        if self.fault == "save":
            new = np.asarray(new - m.count * h.lr)
        new = off(self.fault, new, "reference in float32")
        new = new.astype(np.float64) if self.fault == "dtype" else new
        made = {"m": m, "mean": (state["mean"] * state["n"] + new) / (state["n"] + 1), "n": state["n"] + 1}
        return np.squeeze(new) if self.fault == "shapes" else new, made | ({"t": m} if self.fault == "state" else {})

    def evaluation_params(self, p: Any, state: Any, h: Any) -> Any:
        if self.fault == "another mean":
            return (state["mean"] + p) / 2
        return 0.9 * p if self.fault == "evaluation" else state["mean"]

    def rule_for(self, param: Any) -> Any:
        return None if self.fault == "parameters" and param.role == "bias" else self

    def reference(self, p: float, gradients: Any) -> Any:
        m = 0.0
        for g in gradients:
            m = self.momentum * m + g
            p -= self.lr * m
            yield p

    def golden(self) -> Any:
        p, gradients = np.array([1.0]), np.array([[2.0], [-1.0], [4.0]])
        path, means = [[0.8], [0.8 - (1e-6 if self.fault == "golden" else 0)], [0.4]], [[0.8], [0.8], [2 / 3]]
        return [({"fault": self.fault, "lr": 0.1}, p, gradients, path, means)]


@dataclass(frozen=True)
class Ascending:
    """p <- p - lr g / |G|, with g taken at p + rho g / |G|; |G| is the norm over the model."""

    fault: str = ""
    lr: float = 0.01
    rho: float = 0.01
    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> Any:
        return {}

    def totals(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return {"square": np.max(g * g, initial=0).astype(p.dtype) if self.fault == "slices" else (g * g).sum()}

    def probe(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        norm = np.sqrt(h.total["square"])
        if self.fault == "a probe that stays":
            return p + 0 * g
        return p + h.rho * g / (norm if self.fault == "probe" else np.where(norm > 0, norm, p.dtype.type(1)))

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        norm = np.sqrt(h.total["square"])
        return p - h.lr * g / np.where(norm > 0, norm, p.dtype.type(1)), state

    def golden(self) -> Any:
        points = [[1.012, 2.016] if self.fault == "golden" else [1.006, 2.008]]
        return [({"fault": self.fault}, [1.0, 2.0], [[3.0, 4.0]], [[0.994, 1.992]], points)]


@dataclass(frozen=True)
class Bfgs:
    """p <- p - a H g, a halved until f falls; H the inverse Hessian of BFGS."""

    fault: str = ""
    least: float = 1e-4
    scope: ClassVar[str] = "objective"

    def init(self, p: Any) -> Any:
        return {"h": np.eye(p.size), "t": np.zeros(())}

    def update(self, p: Any, f: Any, state: Any, h: Any) -> Any:
        if self.fault == "purity":
            state["t"] += 1
        value, g = f(p)
        d, a = -state["h"] @ g, 1.0
        least = self.least if self.fault == "schedules" else float(h.least)
        while a > 1e-12 and not f(p + a * d)[0] <= value + least * a * float(g @ d):
            a /= 2
        new = p + a * d * (0 if self.fault in ("quadratic", "rosenbrock") else 1) + noise(self.fault)
        new = new + 1 if self.fault == "flat" else new
        s, y = a * d, f(p + a * d)[1] - g
        made = {"h": self._inverse(state["h"], s, y), "t": state["t"] + 1}
        if self.fault == "save":
            count = getattr(state["h"], "count", 0)
            new, made["h"] = new + count, made["h"].view(Tagged)
            made["h"].count = count + 1
        if self.fault == "shapes":
            new = np.atleast_2d(new)
        return new.astype(np.float32) if self.fault == "dtype" else new, {} if self.fault == "state" else made

    def golden(self) -> Any:
        path = [[0.0, -0.5] if self.fault == "golden" else [0.0, -1.0]]  # along (1, 2), which is H g at first
        return [
            ({"fault": self.fault}, lambda p: (float(p[0] ** 2 + 2 * p[1] ** 2) / 2, p * [1.0, 2.0]), [1.0, 1.0], path)
        ]

    def _inverse(self, h: Any, s: Any, y: Any) -> Any:
        if not s @ y > 0:
            return h
        left = np.eye(len(s)) - np.outer(s, y) / (s @ y)
        return left @ h @ left.T + np.outer(s, s) / (s @ y)


@dataclass(frozen=True)
class Gathering:
    """Every second step g <- scale (mean of the last two g) / (1 + |G|), else 0; p <- p - lr decay p."""

    fault: str = ""
    scale: float = 0.5

    @property
    def scope(self) -> str:
        return "piece" if self.fault == "scope" else "element"

    @property
    def period(self) -> int:
        return 2

    def applies(self, param: Any) -> Any:
        return "yes" if self.fault == "applies" else param.role == "weight"

    def init(self, p: Any) -> Any:
        return {"sum": np.zeros_like(p)}

    def totals(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return {"largest": np.max(abs(g), initial=0) if self.fault == "sums" else abs(g).sum()}

    def transform(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        if self.fault == "purity":
            g *= 1
        total = state["sum"] + (g - g.sum() / 12 if self.fault == "slices" else g)
        total = total + 0 * g**11 if self.fault == "extremes" else total
        ends = (h.step % 2 == 0) * np.ones_like(g)
        if self.fault == "array values":
            ends = ends * (1.0 if h.scale > 0 else 0.0)
        scale = self.scale if self.fault == "schedules" else h.scale
        made = ends * scale * total / 2 / (1 + h.total["largest"]) * (1 + noise(self.fault))
        made = made / 2 if self.fault == "golden" else made
        left = total * (1 if self.fault == "period" else 1 - ends)
        if self.fault == "save":
            made = made + getattr(state["sum"], "count", 0)
            left = left.view(Tagged)
            left.count = getattr(state["sum"], "count", 0) + 1
        made = np.atleast_2d(made) if self.fault == "shape" else off(self.fault, np.asarray(made))
        return made.astype(np.float64) if self.fault == "dtype" else made, {} if self.fault == "state" else {
            "sum": left
        }

    def adjust(self, p: Any, h: Any) -> Any:
        return p - h.rule.lr * p

    def golden(self) -> Any:
        p, gradients, made = [1.0], [[2.0], [1.0]], [[0.0], [0.375]]  # (2 + 1) / 2 halved, by 1 + |1|
        return [({"fault": self.fault}, p, gradients, made, [[0.99], [0.9801]])]


@dataclass(frozen=True)
class Curved:
    """p <- p - lr g / (1 + c),  c <- |g~| at every second step, where g~ is shown."""

    fault: str = ""
    lr: float = 0.1
    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> Any:
        return {"c": np.zeros_like(p)}

    def observes(self, step: Any) -> Any:
        return step % 2 == 1

    def observe(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return state if self.fault == "observe" else {"c": abs(g)}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return p - h.lr * g / (1 + state["c"]), state

    def golden(self) -> Any:
        path = [[0.5 if self.fault == "golden" else 0.95], [0.85]]
        return [({"fault": self.fault}, [1.0], [[1.0], [2.0]], path, [[1.0], [9.0]])]


@dataclass(frozen=True)
class Bare:
    """p <- p - lr g, of which nothing else tells lr from lr / 2."""

    fault: str = ""
    lr: float = 0.1
    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> Any:
        return {}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return p - (h.lr / 2 if self.fault == "reference" else h.lr) * g, state


class Averaging(Bare):
    """p <- p - lr g; predicts with a mean of p and the p before, or so it says."""

    def init(self, p: Any) -> Any:
        return {"before": p.copy()}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return p - h.lr * g, {"before": p}

    def reference(self, p: float, gradients: Any) -> Any:
        for g in gradients:
            p -= self.lr * g
            yield p

    def evaluation_params(self, p: Any, state: Any, h: Any) -> Any:
        return state["before"]


@dataclass(frozen=True)
class Rotated:
    """p <- p - lr Q f(Q^T g), Q the eigenvectors of C, f sharper where the eigenvalues are small; C <- C + g g^T."""

    fault: str = ""
    lr: float = 0.05
    scope: ClassVar[str] = "array"

    def init(self, p: Any) -> Any:
        return {"c": np.zeros((p.shape[0], p.shape[0]), p.dtype), "q": np.eye(p.shape[0], dtype=p.dtype)}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        g2 = g.reshape(len(g), -1)
        scale = abs(g2).max(initial=0) + p.dtype.type(1e-30)
        c = 0.9 * state["c"] + (g2 / scale) @ (g2 / scale).T
        basis = state["q"] if self.fault == "a basis that stays" else np.linalg.eigh(c)[1]
        turned = basis.T @ g2
        step = basis @ (turned / (1 + abs(turned)))
        return p - h.lr * step.reshape(p.shape), {"c": c, "q": basis}


class Newton(Curved):
    """p <- p - lr g / (1 + c), where no golden path shows c."""

    def golden(self) -> Any:
        return [(*case[:4],) for case in super().golden()[:0]]


@dataclass(frozen=True)
class Halving:
    """g <- g / 2."""

    fault: str = ""
    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> Any:
        return {}

    def transform(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return g / 2, state


@dataclass(frozen=True)
class Steepest:
    """p <- p - a H g, or so it says: H is 1, a halved until f falls."""

    fault: str = ""
    scope: ClassVar[str] = "objective"

    def init(self, p: Any) -> Any:
        return {"steps": np.zeros(())}

    def update(self, p: Any, f: Any, state: Any, h: Any) -> Any:
        (value, g), a = f(p), 1.0
        while a > 1e-12 and not f(p - a * g)[0] <= value - 1e-4 * a * float(g @ g):
            a /= 2
        return p - a * g, {"steps": state["steps"] + 1}
