#!/usr/bin/env bash
# pyarrow 26.0.1: `csv.read_csv` takes hexadecimal text for whole numbers.
#
# Behaviour: a column whose cells are digits or begin with 0x is inferred as int64, so the cell 0x10 is read as 16 beside
# a cell 7 that is 7. Other spellings of programming languages (1_0, 0b11, 0o17) stay text.
#
# Most expect: text, as pandas, polars and NumPy read it: in a CSV a column of identifiers such as 0x1F is text, and one
# that is typed wrong should not become another number.
#
# Output seen (2026-11-29, Python 3.11):
#
#     0x10,7: int64, [16, 7]
#     1_0,7: string, ['1_0', '7']
#     0b11,7: string, ['0b11', '7']
#     0o17,7: string, ['0o17', '7']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pyarrow==26.0.1

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import io

from pyarrow import csv

for cells in ("0x10,7", "1_0,7", "0b11,7", "0o17,7"):
    column = csv.read_csv(io.BytesIO(("a\n" + cells.replace(",", "\n") + "\n").encode()))["a"]
    print(f"{cells}: {column.type}, {column.to_pylist()}")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
0x10,7: int64, [16, 7]
1_0,7: string, ['1_0', '7']
0b11,7: string, ['0b11', '7']
0o17,7: string, ['0o17', '7']
EXPECTED
