#!/usr/bin/env bash
# JAX 0.10.2: importing it draws from NumPy's global generator.
#
# Behaviour: between numpy.random.seed(0) and the next numpy.random.rand(), `import jax` moves the global generator on, so
# that the number drawn is another one. It happens once a process, at the first import, and importing a library that
# imports JAX (keras with backend jax, optax, flax) does the same.
#
# Most expect: an import leaves random state alone. A script that seeds NumPy at its top and imports JAX only in some
# branch, or for the first time inside a function, draws other numbers than one that imported it before seeding; a test
# passes alone and fails in another order.
#
# Output seen (2026-11-30, Python 3.11):
#
#     seed, draw: 0.5488
#     seed, import jax, draw: 0.6459
#     seed, import jax again, draw: 0.5488
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import numpy as np

np.random.seed(0)
print(f"seed, draw: {np.random.rand():.4f}")
np.random.seed(0)
import jax

print(f"seed, import jax, draw: {np.random.rand():.4f}")
np.random.seed(0)
import jax

print(f"seed, import jax again, draw: {np.random.rand():.4f}")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
seed, draw: 0.5488
seed, import jax, draw: 0.6459
seed, import jax again, draw: 0.5488
EXPECTED
