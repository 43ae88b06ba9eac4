#!/usr/bin/env bash
# NumPy 2.4.6: `x.T @ d` of two single rows, a column times a row, takes several times as long as `np.dot(x.T, d)`.
#
# Behaviour: matmul hands products of matrices to BLAS, but not one in which the inner axis has length 1: that is left to
# a plain loop over the result. `np.dot` gives the same product to BLAS, and even `np.multiply(x.T, d)`, the same numbers
# by broadcasting, takes a fifth of the time. With two rows in the place of one, x.T @ d is ten times as fast again, though
# it multiplies twice as much.
#
# Most expect: that `@` is never slower than `np.dot` for two matrices, for which NumPy's documentation recommends it; and
# that less work takes less time.
#
# Why it matters: it is the gradient of a weight for a batch of one row, x^T delta, stochastic gradient descent as it is
# taught. There the loop takes more time than all other products of the step together.
#
# Output seen (2026-11-30, Python 3.11; times differ, the script looks at what is several times as long as what):
#
#     numpy 2.4.6, 256 x 1 times 1 x 256, float32: matmul takes over 3 times as long as dot, over 2 times as long as multiply
#     256 x 1 times 1 x 256 takes over 3 times as long as 256 x 2 times 2 x 256
#     all equal: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "numpy==2.4.6"
OPENBLAS_NUM_THREADS=1 "$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
from time import perf_counter

import numpy as np

rng = np.random.default_rng(0)
x, d = rng.standard_normal((2, 2, 256), dtype=np.float32)
out = np.empty((256, 256), np.float32)


def seconds(call):
    taken = []
    for _ in range(2000):
        start = perf_counter()
        call()
        taken.append(perf_counter() - start)
    return np.quantile(taken, 0.1)


one, row = x[:1], d[:1]
matmul = seconds(lambda: np.matmul(one.T, row, out))
dot, multiply = seconds(lambda: np.dot(one.T, row, out)), seconds(lambda: np.multiply(one.T, row, out))
two = seconds(lambda: np.matmul(x.T, d, out))
more = "over 3 times as long as" if matmul > 3 * dot else "at most 3 times as long as"
broadcast = "over 2 times as long as" if matmul > 2 * multiply else "at most 2 times as long as"
print(f"numpy {np.__version__}, 256 x 1 times 1 x 256, float32: matmul takes {more} dot, {broadcast} multiply")
print(f"256 x 1 times 1 x 256 takes {'over' if matmul > 3 * two else 'at most'} 3 times as long as 256 x 2 times 2 x 256")
equal = np.array_equal(one.T @ row, np.dot(one.T, row)) and np.array_equal(one.T @ row, one.T * row)
print("all equal:", equal)
PYTHON
cat "$folder/seen"
diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
numpy 2.4.6, 256 x 1 times 1 x 256, float32: matmul takes over 3 times as long as dot, over 2 times as long as multiply
256 x 1 times 1 x 256 takes over 3 times as long as 256 x 2 times 2 x 256
all equal: True
EXPECTED
