#!/usr/bin/env bash
# Keras 3.15.1, backend jax: tanh, sin and arctan of a float64 array are float32, and SimpleRNN cannot run in float64.
#
# Behaviour: with 64 bits enabled in JAX, keras.ops.tanh, sin, cos, sinh, cosh and arctan of a float64
# array of JAX give float32; sigmoid, exp, log, sqrt, erf and softplus keep float64. A layer made with dtype="float64"
# calls the same functions: SimpleRNN, whose steps end in tanh, raises a TypeError about the dtype of a loop's carry, and
# Dense with activation="tanh" gives float32.
#
# Most expect: a function of a float64 array is float64, whatever floatx is, as for the other functions; and that a layer
# with dtype="float64" computes in float64. Setting floatx to float64, as one would try first, changes nothing.
#
# Output seen (2026-11-30, Python 3.11):
#
#     float32: tanh sin cos sinh cosh arctan
#     float64: sigmoid exp log sqrt erf softplus
#     Dense in float64 with tanh: float32
#     SimpleRNN in float64: TypeError
#     with floatx float64, tanh: float32
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

KERAS_BACKEND=jax JAX_PLATFORMS=cpu "$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import keras
import numpy as np

x = jnp.asarray([0.3], dtype="float64")
names = "tanh sin cos sinh cosh arctan sigmoid exp log sqrt erf softplus".split()
found = {name: str(getattr(keras.ops, name)(x).dtype) for name in names}
for dtype in ("float32", "float64"):
    print(f"{dtype}:", *[name for name in names if found[name] == dtype])
rows = np.ones((2, 4))
print("Dense in float64 with tanh:", keras.layers.Dense(3, activation="tanh", dtype="float64")(rows).dtype)
try:
    print("SimpleRNN in float64:", keras.layers.SimpleRNN(3, dtype="float64")(np.ones((2, 4, 2))).dtype)
except Exception as error:
    print("SimpleRNN in float64:", type(error).__name__)
keras.config.set_floatx("float64")
print("with floatx float64, tanh:", keras.ops.tanh(x).dtype)
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
float32: tanh sin cos sinh cosh arctan
float64: sigmoid exp log sqrt erf softplus
Dense in float64 with tanh: float32
SimpleRNN in float64: TypeError
with floatx float64, tanh: float32
EXPECTED
