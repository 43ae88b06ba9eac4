#!/usr/bin/env bash
# JAX 0.10.2, on CPU: `device_put` of a NumPy array shares its memory where it is aligned, even with may_alias=False.
#
# Behaviour: y = jax.device_put(x), with x a NumPy array that begins at a multiple of 64 bytes, is a view of x: what is
# written to x afterwards is seen in y, an array of a library whose arrays are immutable. The same code with x some bytes
# further on in memory copies. `may_alias=False` changes nothing. `jnp.asarray(x)` and `jnp.array(x)` copy either way.
#
# Most expect: a copy, since the documentation of `device_put` says that it returns one, and certainly with
# may_alias=False, of which it says that x is copied then. A buffer that is filled anew for each batch works in all tests,
# and trains on other rows once an allocator or a slice happens to put it at such an address. Remedy: `jnp.array(x)`.
#
# Output seen (2026-11-29, Python 3.11):
#
#     device_put, aligned to 64 bytes: shares memory
#     device_put, 4 bytes further on: copies
#     device_put, aligned, may_alias=False: shares memory
#     asarray, aligned to 64 bytes: copies
#     array, aligned to 64 bytes: copies
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np

def row(offset):
    """16 numbers that begin so many bytes behind a multiple of 64."""
    memory = np.empty(256, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    return memory[start : start + 64].view(np.float32)

def unaliased(x):
    return jax.device_put(x, may_alias=False)

for title, put, offset in (
    ("device_put, aligned to 64 bytes", jax.device_put, 0),
    ("device_put, 4 bytes further on", jax.device_put, 4),
    ("device_put, aligned, may_alias=False", unaliased, 0),
    ("asarray, aligned to 64 bytes", jnp.asarray, 0),
    ("array, aligned to 64 bytes", jnp.array, 0),
):
    x = row(offset)
    x[:] = 1
    y = put(x)
    jax.block_until_ready(y)
    x[:] = 2
    print(f"{title}: {'shares memory' if y[0] == 2 else 'copies'}")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
device_put, aligned to 64 bytes: shares memory
device_put, 4 bytes further on: copies
device_put, aligned, may_alias=False: shares memory
asarray, aligned to 64 bytes: copies
array, aligned to 64 bytes: copies
EXPECTED
