#!/usr/bin/env bash
# jax 0.10.2, CPU: inside jit, u == max(u) holds nowhere in some rows, though u stands behind an optimization_barrier.
#
# Behaviour: u = scale * z + shift, z the columns of x (333, 12), float32, less their mean and over their deviation. u
# passes jax.lax.optimization_barrier, y is the maximum of each of its pairs of numbers. One jit gives y and u == y: in
# a tenth of the pairs no number equals y. Uncompiled, in each pair one does. A barrier keeps XLA from moving operations
# before it is expanded; on CPU u is still computed anew where it is compared, with a fused multiply-add, and rounded
# otherwise there.
#
# Most expect: "prevents the compiler from moving operations across the barrier", so that what stands behind it has one
# value. Masks of pooling, of maxout and of ties that are written so lose gradients without a word.
#
# Output seen (2026-11-30, Python 3.11; how many pairs lose theirs depends on the processor, that some do does not):
#
#     uncompiled, pairs: 1998 with a largest number: 1998
#     jit with a barrier, fewer: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

JAX_PLATFORMS=cpu "$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np

X = jnp.asarray(np.random.default_rng(333).normal(size=(333, 12)), jnp.float32)
SCALE, SHIFT = jnp.ones(12), jnp.zeros(12)


def largest(x, scale, shift):
    apart = x - x.mean(axis=0)
    z = apart * (1 / jnp.sqrt((apart * apart).mean(axis=0) + 1e-5))
    u = jax.lax.optimization_barrier(scale * z + shift).reshape(-1, 2, 6)
    y = u.max(axis=1)
    return y, (u == y[:, None, :]).astype(x.dtype)


def pairs(function):
    return int(np.asarray(function(X, SCALE, SHIFT)[1]).max(axis=1).sum())


print("uncompiled, pairs:", 333 * 6, "with a largest number:", pairs(largest))
print("jit with a barrier, fewer:", pairs(jax.jit(largest)) < pairs(largest))
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
uncompiled, pairs: 1998 with a largest number: 1998
jit with a barrier, fewer: True
EXPECTED
