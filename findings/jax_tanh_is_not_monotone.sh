#!/usr/bin/env bash
# JAX 0.10.2 (CPU), NumPy 2.4.6: tanh in float64 falls in places where x grows, and is 1 from 20 on, not from 19.
#
# Behaviour: XLA's tanh of float64 is up to 10 units in the last place below its value at a smaller x, for x between 12.4
# and 17.7; from 18 to 20 it is one number, 1 - 7.8e-16, and at 20 it jumps to 1. `jax.jit` and a call of its own give the
# same. NumPy's tanh never falls, and is 1 from 18.99035 on, where the exact value rounds to 1.
#
# Most expect: a function of float64 that is right to a unit or two, and at least monotone, as the exact one is.
#
# Why it matters: the slope of tanh is 1 - v^2. A saturated unit has the slope 1.6e-15 in one library and 0 in the other.
# That is no difference for its weight, but all of it for a rule that looks at signs, or divides by the slope's size.
#
# Output seen (2026-11-30, Python 3.11):
#
#     jax 0.10.2: falls between 12.4 and 17.7, at most 10 units; 1 from 20.0 on; 1 - tanh(19.5) = 7.8e-16
#     numpy 2.4.6: never falls; 1 from 18.99035 on; 1 - tanh(19.5) = 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "jax==0.10.2" "jaxlib==0.10.2" "numpy==2.4.6"
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
x = np.linspace(0, 25, 2_500_001)
for title, tanh in ((f"jax {jax.__version__}", jnp.tanh), (f"numpy {np.__version__}", np.tanh)):
    v = np.asarray(tanh(x))
    falls = np.flatnonzero(np.diff(v) < 0)
    where = "never falls"
    if len(falls):
        units = round(-np.diff(v).min() / np.spacing(0.9))
        where = f"falls between {x[falls[0]]:.1f} and {x[falls[-1]]:.1f}, at most {units} units"
    one = round(float(x[np.argmax(v == 1)]), 5)
    print(f"{title}: {where}; 1 from {one} on; 1 - tanh(19.5) = {1 - float(tanh(19.5)):.2g}")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
jax 0.10.2: falls between 12.4 and 17.7, at most 10 units; 1 from 20.0 on; 1 - tanh(19.5) = 7.8e-16
numpy 2.4.6: never falls; 1 from 18.99035 on; 1 - tanh(19.5) = 0
EXPECTED
