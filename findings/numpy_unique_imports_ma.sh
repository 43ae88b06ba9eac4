#!/usr/bin/env bash
# NumPy 2.4.6: the first call of np.unique, or of what calls it, imports the whole of numpy.ma.
#
# Behaviour: `np.unique` of a plain array asks `np.ma.is_masked(x)`. `np.ma` is imported when it is first touched, which
# runs 8,000 lines of Python and takes some 20 to 45 ms. `np.union1d` calls it, for one. A sort does not.
#
# Most expect: `import numpy` has loaded what its plain functions need, and the unique values of three numbers take
# microseconds the first time too. Remedy where start-up counts: np.sort and a comparison of neighbours, or a set.
#
# Output seen (2026-11-30, Python 3.11):
#
#     numpy 2.4.6, import: numpy.ma is not loaded
#     numpy 2.4.6, np.sort: numpy.ma is not loaded
#     numpy 2.4.6, np.unique: numpy.ma is loaded
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "numpy==2.4.6"
"$folder/venv/bin/python" - > "$folder/seen" <<'PYTHON'
import sys

import numpy as np

x = np.arange(3)
for title, compute in (("import", lambda: None), ("np.sort", lambda: np.sort(x)), ("np.unique", lambda: np.unique(x))):
    compute()
    print(f"numpy {np.__version__}, {title}: numpy.ma is {'' if 'numpy.ma' in sys.modules else 'not '}loaded")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
numpy 2.4.6, import: numpy.ma is not loaded
numpy 2.4.6, np.sort: numpy.ma is not loaded
numpy 2.4.6, np.unique: numpy.ma is loaded
EXPECTED
