#!/usr/bin/env bash
# NumPy 2.1.2 and 2.4.6: whether `x ** y` goes to `np.power` depends on the version where y is an array of one number.
#
# Behaviour: y is an instance of a subclass of ndarray that takes part in ufuncs by `__array_ufunc__`, with no axes. In
# NumPy 2.1 the operator `**` first asks y for its value as a Python float, by `float(y)`, and only then chooses what to
# call (a square, a root, or np.power); `np.power(x, y)` itself never asks. In NumPy 2.4 the operator does not ask either.
#
# Most expect: an operator of arrays is its ufunc, as `x * y` is np.multiply, so a subclass that records, counts or forbids
# (units, lazy or traced arrays) sees np.power in `__array_ufunc__`. With 2.1 such a class sees a question for a number in
# the midst of an expression like `beta ** step`, which it may not have, or answers without a trace in its record.
# Remedy: np.power, or `__pow__` and `__rpow__` of the subclass's own.
#
# Output seen (2026-11-30, Python 3.11):
#
#     numpy 2.1.2, x ** y: asked for a float
#     numpy 2.1.2, np.power(x, y): power
#     numpy 2.1.2, x * y: multiply
#     numpy 2.4.6, x ** y: power
#     numpy 2.4.6, np.power(x, y): power
#     numpy 2.4.6, x * y: multiply
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 2.1.2 2.4.6; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -q "numpy==$version"
    "$folder/$version/bin/python" - >> "$folder/seen" <<'PYTHON'
import numpy as np

class Recorded(np.ndarray):
    seen = []

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        self.seen.append(ufunc.__name__)
        known = [x.view(np.ndarray) if isinstance(x, Recorded) else x for x in inputs]
        return getattr(ufunc, method)(*known, **options)

    def __float__(self):
        self.seen.append("asked for a float")
        return float(self.view(np.ndarray))

x, y = (np.asarray(value).view(Recorded) for value in (0.9, 3.0))
for title, compute in (
    ("x ** y", lambda: x**y),
    ("np.power(x, y)", lambda: np.power(x, y)),
    ("x * y", lambda: x * y),
):
    Recorded.seen.clear()
    compute()
    print(f"numpy {np.__version__}, {title}: {Recorded.seen[0]}")
PYTHON
done
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
numpy 2.1.2, x ** y: asked for a float
numpy 2.1.2, np.power(x, y): power
numpy 2.1.2, x * y: multiply
numpy 2.4.6, x ** y: power
numpy 2.4.6, np.power(x, y): power
numpy 2.4.6, x * y: multiply
EXPECTED
