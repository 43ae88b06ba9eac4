"""Kronecker factors of a gradient: a symmetric matrix for each axis.  g of shape (n_1, ..., n_k), factor i (n_i, n_i).

A factor H is kept without the eps I that it starts from, and read as H + eps I: no root of it hangs on rounding alone.
"""

from __future__ import annotations

from typing import Any

from bpframe.plugin import Array, State, ops


def axes(shape: tuple[int, ...], longest: int) -> list[int]:
    """The axes that get a factor: those of at most `longest` numbers, but more than one."""
    return [axis for axis, length in enumerate(shape) if 1 < length <= longest]


def initial(p: Array, longest: int) -> State:
    """{"factor_0": 0 (n_0, n_0), ...}."""
    xp = ops.namespace(p)
    like = {"dtype": p.dtype, **ops.placement(p)}
    return {f"factor_{axis}": xp.zeros((p.shape[axis],) * 2, **like) for axis in axes(p.shape, longest)}


def product(g: Array, axis: int) -> Array:
    """G G^T of g as a matrix whose rows run along an axis, (n_axis, n_axis)."""
    m = _matrix(g, axis)
    return m @ m.T


def times(m: Array, g: Array, axis: int) -> Array:
    """g with each of its lines along an axis multiplied by the matrix m."""
    xp = ops.namespace(g)
    moved = xp.moveaxis(g, axis, 0)
    return xp.moveaxis(xp.reshape(m @ _matrix(g, axis), moved.shape), 0, axis)


def root(m: Array, eps: Array | float, power: float) -> Array:
    """(m + eps I)^power, m without eigenvalues below 0, the power below 0; 0 where m is not finite, so beyond all."""
    xp = ops.namespace(m)
    finite = xp.all(xp.isfinite(m))
    linalg: Any = xp.linalg
    values, vectors = linalg.eigh(xp.where(finite, m, xp.zeros_like(m)))
    values = xp.maximum(values, xp.zeros_like(values)) + eps
    return xp.where(finite, (vectors * values**power) @ vectors.T, xp.zeros_like(m))


def _matrix(g: Array, axis: int) -> Array:
    xp = ops.namespace(g)
    return xp.reshape(xp.moveaxis(g, axis, 0), (g.shape[axis], -1))


def basis(m: Array, least: float) -> Array:
    """The eigenvectors of m as columns; 0 for those whose eigenvalue is below `least` of the largest.

    Rounding alone decides where these point. All are 0 where m is not finite.
    """
    xp = ops.namespace(m)
    linalg: Any = xp.linalg
    values, vectors = linalg.eigh(xp.where(xp.all(xp.isfinite(m)), m, xp.zeros_like(m)))
    return xp.where(values > least * xp.max(values), vectors, xp.zeros_like(vectors))
