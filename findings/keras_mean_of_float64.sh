#!/usr/bin/env bash
# Keras 3.15.1, backend jax: the mean of a float64 tensor is a float64 number with the precision of float32.
#
# Behaviour: with floatx float64 and 64 bits enabled in JAX, keras.ops.mean rounds its input to float32, averages, and
# casts the result back, so dtype says float64 while 29 of 53 bits of the mantissa are gone. keras.ops.var and
# keras.ops.average of a float64 tensor give float32 openly; sum, std, median and prod keep all bits. Losses end in
# keras.ops.mean, so every loss value, and validation in float64, carries the error: the loss of one row with an error of
# exactly 0.1 differs from 0.01 in the ninth digit.
#
# Most expect: float64 in, float64 through, as sum does, and as the dtype of the result says. Who compares an
# implementation with Keras to 1e-12, or checks gradients of a Keras model by finite differences in float64, looks for
# the error in the wrong place.
#
# Output seen (2026-11-29, Python 3.11):
#
#     mean: float64, right to 1e-7 but not to 1e-12
#     sum: float64, right to 1e-12
#     std: float64, right to 1e-12
#     median: float64, right to 1e-12
#     var: float32, right to 1e-7 but not to 1e-12
#     average: float32, right to 1e-7 but not to 1e-12
#     mean squared error of 0.1: float64, right to 1e-7 but not to 1e-12
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

KERAS_BACKEND=jax "$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import jax

jax.config.update("jax_enable_x64", True)
import keras
import numpy as np

keras.config.set_floatx("float64")
x = np.random.default_rng(0).normal(size=(7, 3))


def report(title, value, exact):
    error = float(np.max(np.abs(np.asarray(value, np.float64) - exact)))
    precision = "to 1e-12" if error < 1e-12 else "to 1e-7 but not to 1e-12" if error < 1e-7 else "not to 1e-7"
    print(f"{title}: {value.dtype}, right {precision}")


for name in ("mean", "sum", "std", "median", "var", "average"):
    tensor = keras.ops.convert_to_tensor(x, dtype="float64")
    report(name, getattr(keras.ops, name)(tensor, axis=0), getattr(np, name)(x, axis=0))
loss = keras.losses.mean_squared_error(np.array([[0.0]]), np.array([[0.1]]))
report("mean squared error of 0.1", loss, 0.1 * 0.1)
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
mean: float64, right to 1e-7 but not to 1e-12
sum: float64, right to 1e-12
std: float64, right to 1e-12
median: float64, right to 1e-12
var: float32, right to 1e-7 but not to 1e-12
average: float32, right to 1e-7 but not to 1e-12
mean squared error of 0.1: float64, right to 1e-7 but not to 1e-12
EXPECTED
