"""Loops, branches and barriers of `bpframe.ops` for XLA, which compiles the step of a loop and each branch once."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from bpframe.ops.barrier import BARRIER
from bpframe.ops.control_flow import SCAN, STEPWISE, WHEN, Step, Structure, refuse_other_carry


def _scan(step: Step, carry: Structure, xs: Structure, count: int, reverse: bool) -> tuple[Any, Any]:
    def checked(carry: Structure, x: Structure) -> tuple[Any, Any]:
        after, y = step(carry, x)
        refuse_other_carry(carry, after)
        return after, y

    return jax.lax.scan(checked, carry, xs, count, reverse)


SCAN[jnp] = _scan
STEPWISE.add(jnp)
WHEN[jnp] = jax.lax.cond
BARRIER[jnp] = jax.lax.optimization_barrier
