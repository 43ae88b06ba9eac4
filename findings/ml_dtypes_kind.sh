#!/usr/bin/env bash
# ml_dtypes 0.6.0: one of its dtypes says that it is a float, the others say that they are void.
#
# Behaviour: numpy.dtype(ml_dtypes.float8_e5m2).kind is "f", that of bfloat16, float8_e4m3fn and all other floats of the
# package "V", as of raw bytes; numpy.issubdtype(..., numpy.floating) is False for every one, float8_e5m2 too.
#
# Most expect: one answer for one family. Code that tells numbers by kind in "fiu" takes float8_e5m2 and refuses bfloat16;
# code that asks issubdtype refuses both.
#
# Output seen (2026-11-29, Python 3.11):
#
#     float8_e5m2: kind f, floating False
#     float8_e4m3fn: kind V, floating False
#     bfloat16: kind V, floating False
#     int4: kind V, floating False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q ml_dtypes==0.6.0 numpy==2.4.6

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import ml_dtypes
import numpy as np

for name in ("float8_e5m2", "float8_e4m3fn", "bfloat16", "int4"):
    dtype = np.dtype(getattr(ml_dtypes, name))
    print(f"{name}: kind {dtype.kind}, floating {np.issubdtype(dtype, np.floating)}")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
float8_e5m2: kind f, floating False
float8_e4m3fn: kind V, floating False
bfloat16: kind V, floating False
int4: kind V, floating False
EXPECTED
