"""JAX: the step written by hand, compiled once, with optax's rules; one call a step, or one an epoch by lax.scan.

Data lie on the device; weights and the rule's state are donated to the call.
"""

from __future__ import annotations

from typing import Any

import jax  # type: ignore[import-not-found, unused-ignore]  # an optional peer
import numpy as np
import optax  # type: ignore[import-not-found, unused-ignore]  # an optional peer
from jax import numpy as jnp
from workload import Net, Run, data, timed


def prepare(net: Net, scan: bool = False) -> Run:
    """The rows of a batch are gathered inside the compiled step, in an order drawn by NumPy for each epoch."""
    rng = np.random.default_rng(1)
    params: Any = [(jnp.asarray(rng.normal(0, n**-0.5, (n, m)), jnp.float32), jnp.zeros(m)) for n, m in net.pairs]
    rule = optax.adam(net.lr) if net.rule == "adam" else optax.sgd(net.lr, momentum=net.momentum or None)
    between = jax.nn.relu if net.activation == "relu" else jnp.tanh
    state: Any = rule.init(params)
    x, y = map(jnp.asarray, data(net))

    def loss(params: Any, x: Any, y: Any) -> Any:
        for w, b in params[:-1]:
            x = between(x @ w + b)
        w, b = params[-1]
        return optax.softmax_cross_entropy_with_integer_labels(x @ w + b, y).mean()

    def step(params: Any, state: Any, x: Any, y: Any, rows: Any) -> tuple[Any, Any]:
        updates, state = rule.update(jax.grad(loss)(params, x[rows], y[rows]), state)
        return optax.apply_updates(params, updates), state

    def epoch(params: Any, state: Any, x: Any, y: Any, order: Any) -> tuple[Any, Any]:
        (params, state), _ = jax.lax.scan(lambda carry, rows: (step(*carry, x, y, rows), None), (params, state), order)
        return params, state

    compiled = jax.jit(epoch if scan else step, donate_argnums=(0, 1))

    def train(epochs: int) -> None:
        nonlocal params, state
        for _ in range(epochs):
            order = rng.permutation(net.rows).reshape(net.steps, net.batch)
            for rows in [order] if scan else order:
                params, state = compiled(params, state, x, y, rows)
        jax.block_until_ready(params)

    return timed(train)
