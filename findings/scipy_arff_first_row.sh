#!/usr/bin/env bash
# SciPy 1.17.1: whether `loadarff` reads a quoted nominal value depends on the first row of the data.
#
# Behaviour: scipy.io.arff guesses the dialect of the rows, quotes included, from the first row alone. Where that has no
# quotes, a later value in quotes keeps them, is not among the declared ones, and is a ValueError; the same rows in the
# other order are read.
#
# Most expect: rows can stand in any order, as in Weka, where quotes belong to the format. A data set that loads may stop
# to load once it is shuffled or split.
#
# Output seen (2026-11-29, Python 3.11):
#
#     quoted row first: ['iris v.', 'x']
#     quoted row second: ValueError, 'iris v.' value not in ('x', 'iris v.')
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q scipy==1.17.1 numpy==2.4.6

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import io

from scipy.io import arff

HEADER = "@relation r\n@attribute a real\n@attribute b real\n@attribute k {x,'iris v.'}\n@data\n"
for title, rows in (("quoted row first", "1,2,'iris v.'\n1,2,x\n"), ("quoted row second", "1,2,x\n1,2,'iris v.'\n")):
    try:
        values = [row[2].decode() for row in arff.loadarff(io.StringIO(HEADER + rows))[0]]
        print(f"{title}: {values}")
    except ValueError as error:
        print(f"{title}: ValueError, {error}")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
quoted row first: ['iris v.', 'x']
quoted row second: ValueError, 'iris v.' value not in ('x', 'iris v.')
EXPECTED
