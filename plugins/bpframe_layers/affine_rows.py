"""Common code of layers over steps: affine maps of rows of any rank.  x (B, *S, n), weight (n, m), bias (m,)."""

from __future__ import annotations

from bpframe.plugin import Array, Params, ops


def affine_rows(x: Array, params: Params) -> Array:
    """x w + b, of which b may be left out, as one product for all rows."""
    u = ops.matmul(ops.flat_rows(x), params["weight"])
    if "bias" in params:
        u += params["bias"]
    return ops.namespace(x).reshape(u, (*x.shape[:-1], u.shape[1]))


def affine_rows_backward(x: Array, params: Params, du: Array, need_dx: bool) -> tuple[Array, Params]:
    """(dx, x itself where it is not needed; {"weight", "bias"})."""
    rows = ops.flat_rows(du)
    gradients: Params = {"weight": ops.matmul_tn(ops.flat_rows(x), rows)}
    if "bias" in params:
        gradients["bias"] = ops.sum_rows(rows)
    if not need_dx:
        return x, gradients
    return ops.namespace(x).reshape(ops.matmul(rows, params["weight"].T), x.shape), gradients


def transposed(x: Array) -> Array:
    """The last two axes in each other's place."""
    return ops.namespace(x).matrix_transpose(x)
