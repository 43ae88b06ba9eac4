"""The compiled training step: the functional step in XLA, and what XLA does better in another form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp

from bpframe import tree
from bpframe.engine.functional_step import Carry, FunctionalStep
from bpframe.engine.jax import loops as loops  # which serve `bpframe.ops` from then on
from bpframe.engine.jax import xla_convolution
from bpframe.network.backprop import CostLayer
from bpframe.network.network import Network
from bpframe.ops.linalg import MATMUL_TN
from bpframe.protocols import Group

SMALL = 2**21  # multiplications up to which laying out a factor anew costs less than it brings
as_it_is: Callable[[Any], Any] = jax.lax.optimization_barrier  # XLA makes these arrays and does not rewrite across


@jax.jit
def duplicate(carry: Carry) -> Carry:
    """The same in arrays of its own."""
    return cast(Carry, jax.tree.map(jnp.copy, carry))


@jax.jit
def is_finite(carry: Carry) -> Any:
    """Whether all parameters are finite; where their squares are, which is soon found, they need no second look."""
    leaves = [leaf for _, leaf in tree.leaves(carry.params)]
    squares = jnp.stack([jnp.vdot(leaf, leaf) for leaf in leaves])
    return jax.lax.cond(
        jnp.isfinite(squares).all(),
        lambda: jnp.asarray(True),
        lambda: jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all(),
    )


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
xla_convolution.register()
