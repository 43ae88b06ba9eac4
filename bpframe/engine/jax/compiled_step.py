"""The compiled training step: the functional step in XLA, and what XLA does better in another form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from bpframe.engine.functional_step import Carry, FunctionalStep
from bpframe.engine.jax import loops as loops  # which serve `bpframe.ops` from then on
from bpframe.engine.jax import xla_convolution
from bpframe.network.backprop import CostLayer
from bpframe.network.network import Network
from bpframe.ops.linalg import MATMUL_TN
from bpframe.ops.segments import SEGMENT_SUM
from bpframe.protocols import Group

SMALL = 2**21  # multiplications up to which laying out a factor anew costs less than it brings
as_it_is: Callable[[Any], Any] = jax.lax.optimization_barrier  # XLA makes these arrays and does not rewrite across


@jax.jit
def duplicate(carry: Carry) -> Carry:
    """The same in arrays of its own."""
    return cast(Carry, jax.tree.map(jnp.copy, carry))


@jax.jit
def is_finite(leaves: list[Any]) -> Any:
    """Whether all numbers of these arrays are finite, 0-d."""
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()


def is_finite_on_host(leaves: list[Any]) -> bool:
    """The same by NumPy, from memory that the device shares; BLAS, whose threads would wait for more, is not asked."""
    return all(np.isfinite(np.asarray(leaf)).all() for leaf in leaves)


def compiled_step(network: Network, cost: CostLayer, groups: Sequence[Group], by_rows: bool) -> FunctionalStep:
    """The step of a network; XLA computes one of two branches."""
    return FunctionalStep(network, cost, groups, by_rows, _cond)


def _cond(due: Any, change: Callable[[Any], Any], values: Any) -> Any:
    return jax.lax.cond(due, change, lambda values: values, values)


def _matmul_tn(a: Any, b: Any) -> Any:
    """a^T b; XLA's fast products on a CPU want their left factor by rows, so small ones are made as (b^T a)^T."""
    if a.size * b.shape[1] > SMALL:
        return a.T @ b
    return jax.lax.platform_dependent(
        a, b, cpu=lambda a, b: as_it_is(as_it_is(b.T) @ a).T, default=lambda a, b: a.T @ b
    )


MATMUL_TN[jnp] = _matmul_tn


def _segment_sum(x: Any, numbers: Any, count: int) -> Any:
    """A scatter: each row is added where its number points."""
    return jnp.zeros((count, x.shape[1]), x.dtype).at[numbers].add(x, mode="drop")


SEGMENT_SUM[jnp] = _segment_sum
xla_convolution.register()
