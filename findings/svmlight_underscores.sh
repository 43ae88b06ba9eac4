#!/usr/bin/env bash
# scikit-learn 1.9.1, SciPy 1.17.1, NumPy 2.4.6: readers of data files take Python's digit separators for numbers.
#
# Behaviour: load_svmlight_file reads the label 1_0 and the value 1_0 as 10, scipy.io.arff.loadarff a real 1_0 as 10, and
# numpy.genfromtxt 1_000 as 1000: all hand the text to Python's float, which has taken underscores since 3.6. numpy.loadtxt
# parses by itself and refuses it.
#
# Most expect: an error. None of these formats has digit separators, and 1_0 is a usual spelling of a label or an id.
#
# Output seen (2026-11-29, Python 3.11):
#
#     load_svmlight_file: [10.0] [[10.0]]
#     loadarff: [10.0]
#     genfromtxt: 1000.0
#     loadtxt: ValueError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import io

import numpy as np
from scipy.io import arff
from sklearn.datasets import load_svmlight_file

x, y = load_svmlight_file(io.BytesIO(b"1_0 1:1_0\n"))
print("load_svmlight_file:", y.tolist(), x.toarray().tolist())
rows, _ = arff.loadarff(io.StringIO("@relation r\n@attribute a real\n@data\n1_0\n"))
print("loadarff:", [float(row[0]) for row in rows])
print("genfromtxt:", float(np.genfromtxt(io.StringIO("1_000\n"))))
try:
    print("loadtxt:", float(np.loadtxt(io.StringIO("1_000\n"))))
except ValueError:
    print("loadtxt: ValueError")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
load_svmlight_file: [10.0] [[10.0]]
loadarff: [10.0]
genfromtxt: 1000.0
loadtxt: ValueError
EXPECTED
