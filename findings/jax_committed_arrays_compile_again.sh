#!/usr/bin/env bash
# JAX 0.10.2: jax.jit compiles a function again for an array that was put on the device on which it would run anyway.
#
# Behaviour: jax.numpy.asarray gives an array that is not committed to a device, jax.device_put(x, device) one that is. Of
# equal shape, dtype and place, the two are different arguments to a compiled function: it is compiled once for each,
# though on a machine with one device both programs are the same. Results of a function are committed if one of its
# arguments was. So a loop that is fed its own results, whose first call mixes the two, compiles everything twice.
#
# Most expect: a second call with arrays of the same shape and dtype on the same device finds the program. The guide on
# jit says that it compiles anew for other shapes and dtypes; nothing there says that where an array came from counts.
# The second compilation takes as long as the first and looks like a slow first epoch.
#
# Output seen (2026-11-30, Python 3.11):
#
#     programs after an array that is not committed: 1
#     programs after its result: 1
#     programs after the same numbers, committed: 2
#     programs after the result of those: 2
#     traced: 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

JAX_PLATFORMS=cpu "$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np

traced = []


@jax.jit
def step(x):
    traced.append(x)
    return 0.5 * x


x = np.ones(3, np.float32)
result = step(jnp.asarray(x))
print("programs after an array that is not committed:", step._cache_size())
step(result)
print("programs after its result:", step._cache_size())
result = step(jax.device_put(x, jax.devices()[0]))
print("programs after the same numbers, committed:", step._cache_size())
step(result)
print("programs after the result of those:", step._cache_size())
print("traced:", len(traced))
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
programs after an array that is not committed: 1
programs after its result: 1
programs after the same numbers, committed: 2
programs after the result of those: 2
traced: 1
EXPECTED
