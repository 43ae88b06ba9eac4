"""PSGD Kron.  p parameters (n_1, ..., n_k), g gradient, v noise; factor Q_i upper triangular (n_i, n_i), or (n_i,)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from bpframe.plugin import Array, Hyper, Scope, State, checks, ops
from bpframe_preconditioners import factors


@final
@dataclass(frozen=True)
class Kron:
    """p <- p - lr clip(Q^T Q m^), with Q = Q_1 (x) ... (x) Q_k fitted so that Q^T Q m^ is white: of variance 1.

    m <- beta1 m + (1 - beta1) g, m^ = m / (1 - beta1^t). With A = Q m^ and B = Q^-T v, v from N(0, 1), first
    Q_i <- Q_i - precond_lr triu(A_i A_i^T - B_i B_i^T) Q_i / |A_i A_i^T + B_i B_i^T|, where A_i is A as a matrix whose
    rows run along axis i, and |S| is the lower bound |S x| / |x| of the spectral norm, x the longest column of S. A
    vector, and an axis longer than `longest` or of length 1, have the diagonal of Q_i alone, and the largest number as
    norm. At first Q = I. `clip`: the root mean square that a step may have before lr. The authors' code fits
    Q more seldom as time goes on, and now and then balances the factors; here it is fitted at each step.
    Source: Li (2018), Preconditioned stochastic gradient descent, arXiv:1512.04202, and Li (2024), arXiv:2402.04553;
    norms and momentum as in kron_torch.
    """

    lr: float = 0.001
    beta1: float = 0.9
    precond_lr: float = 0.1
    clip: float = 1.1
    longest: int = 1024
    scope: ClassVar[Scope] = "array"
    stochastic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.positive("kron", lr=self.lr, clip=self.clip, longest=self.longest)
        checks.fraction("kron", beta1=self.beta1)
        checks.not_negative("kron", precond_lr=self.precond_lr)

    def init(self, p: Array) -> State:
        """A moment of 0, and a factor for each axis."""
        xp = ops.namespace(p)
        like = {"dtype": p.dtype, **ops.placement(p)}
        triangular = self._triangular(p)
        made = (xp.eye(n, **like) if axis in triangular else xp.ones((n,), **like) for axis, n in enumerate(p.shape))
        return {"m": xp.zeros_like(p), **{f"factor_{axis}": q for axis, q in enumerate(made)}}

    def update(self, p: Array, g: Array, state: State, h: Hyper) -> tuple[Array, State]:
        """(p after a step by the factors as they are fitted now, moment and factors)."""
        axes = range(p.ndim)
        m = h.beta1 * state["m"] + (1 - h.beta1) * g
        mean, noise = m / (1 - h.beta1**h.step), h.key.normal(p)
        q = {axis: state[f"factor_{axis}"] for axis in axes}
        forth, back = mean, noise
        for axis in axes:
            forth, back = _times(q[axis], forth, axis), _solved(q[axis], back, axis)
        forth, back = _scaled(forth, back)
        q = {axis: _fitted(q[axis], forth, back, axis, h.precond_lr) for axis in axes}
        step = mean
        for axis in axes:
            step = _times(q[axis].T, _times(q[axis], step, axis), axis)
        return p - h.lr * _clipped(step, h.clip), {"m": m, **{f"factor_{axis}": q[axis] for axis in axes}}

    def restart(self, p: Array, state: State) -> State:
        """The state as it is: moment and factors know gradients alone."""
        return state

    def _triangular(self, p: Array) -> list[int]:
        return factors.axes(p.shape, self.longest) if p.ndim > 1 else []

    def golden(self) -> list[tuple[Any, ...]]:
        """By hand: where Q stays I, momentum alone, and a step that is clipped."""
        plain = {"lr": 1.0, "beta1": 0.5, "precond_lr": 0.0, "clip": 100.0}
        path = [[[-1.0, 2.0]], [[-1.0 - 2 / 3, 2.0 + 4 / 3]]]
        clipped = {"lr": 1.0, "precond_lr": 0.0, "clip": 0.5}
        gradients = [[[1.0, -2.0]], [[0.5, -1.0]]]
        return [(plain, [[0.0, 0.0]], gradients, path), (clipped, [1.0, 1.0], [[3.0, -3.0]], [[0.5, 1.5]])]


def _scaled(a: Array, b: Array) -> tuple[Array, Array]:
    """Both divided by their largest number, so that no square overflows; fits go by their ratio. 0 if not finite."""
    xp = ops.namespace(a)
    largest = xp.maximum(xp.max(abs(a)), xp.max(abs(b)))
    finite = xp.isfinite(largest)
    size = xp.where(finite, xp.maximum(largest, xp.full_like(largest, _tiny(a))), 1.0)
    return xp.where(finite, a / size, 0.0), xp.where(finite, b / size, 0.0)


def _clipped(step: Array, clip: Any) -> Array:
    """The step with a root mean square of at most `clip`."""
    xp = ops.namespace(step)
    largest = xp.max(abs(step))
    scaled = step / xp.maximum(largest, xp.full_like(largest, _tiny(step)))
    size = largest * xp.sqrt(xp.mean(scaled * scaled))
    return xp.where(size > clip, scaled * (clip * largest / xp.maximum(size, xp.full_like(size, _tiny(step)))), step)


def _times(q: Array, g: Array, axis: int) -> Array:
    """Each line of g along an axis times a factor, of which a vector is the diagonal."""
    return factors.times(q, g, axis) if q.ndim == 2 else g * _along(q, g, axis)


def _solved(q: Array, v: Array, axis: int) -> Array:
    """Q^-T v along an axis."""
    xp = ops.namespace(v)
    if q.ndim == 1:
        return v / _along(q, v, axis)
    linalg: Any = xp.linalg
    return factors.times(linalg.inv(q).T, v, axis)


def _fitted(q: Array, a: Array, b: Array, axis: int, rate: Any) -> Array:
    """The factor after a step down E[|A|^2 + |B|^2], relative to the size of what moves it."""
    xp = ops.namespace(q)
    if q.ndim == 1:
        others = tuple(k for k in range(a.ndim) if k != axis)
        first, second = (xp.sum(x * x, axis=others) for x in (a, b))
        total = first + second
        return q - rate * (first - second) * q / xp.maximum(xp.max(total), xp.full_like(total[0], _tiny(q)))
    first, second = factors.product(a, axis), factors.product(b, axis)
    return q - rate * (xp.triu(first - second) @ q) / _norm(first + second)


def _norm(s: Array) -> Array:
    """|S x| / |x|, x the longest column of the symmetric matrix S; at least the least number."""
    xp = ops.namespace(s)
    x = xp.take(s, xp.reshape(xp.argmax(xp.sum(s * s, axis=0)), (1,)), axis=1)[:, 0]
    least = xp.full_like(x[0], _tiny(s))
    size = xp.maximum(xp.sqrt(xp.sum(x * x)), least)
    image = s @ (x / size)
    return xp.maximum(xp.sqrt(xp.sum(image * image)), least)


def _along(q: Array, g: Array, axis: int) -> Array:
    return ops.namespace(g).reshape(q, (-1,) + (1,) * (g.ndim - axis - 1))


def _tiny(x: Array) -> float:
    return float(ops.namespace(x).finfo(x.dtype).smallest_normal ** 0.5)  # whose square is a number
