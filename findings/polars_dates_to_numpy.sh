#!/usr/bin/env bash
# polars 2.1.0: `to_numpy` of a frame with dates beside numbers gives numbers, without a word.
#
# Behaviour: DataFrame.to_numpy(), and numpy.asarray(frame), of a frame of a float column and a Datetime column is a
# float64 array in which a date has become its count of microseconds since 1970; of an integer column and a Date column an
# int64 array of days. A frame of dates alone keeps datetime64.
#
# Most expect: an error, or an array of objects as pandas and pyarrow give for the same table, since a date is no number.
# Whoever hands such a frame to a library that calls numpy.asarray trains on 1.7e15 as a feature.
#
# Output seen (2026-11-29, Python 3.11):
#
#     floats and times: float64
#     the second row: [2.5, 1767312000000000.0]
#     integers and dates: [[1, 20454], [2, 20455]]
#     dates alone: datetime64[D]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q polars==2.1.0 numpy==2.4.6

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
from datetime import date, datetime

import polars

dates = [date(2026, 1, 1), date(2026, 1, 2)]
times = [datetime(2026, 1, 1), datetime(2026, 1, 2)]
print("floats and times:", polars.DataFrame({"x": [1.5, 2.5], "t": times}).to_numpy().dtype)
print("the second row:", polars.DataFrame({"x": [1.5, 2.5], "t": times}).to_numpy()[1].tolist())
print("integers and dates:", polars.DataFrame({"n": [1, 2], "d": dates}).to_numpy().tolist())
print("dates alone:", polars.DataFrame({"d": dates}).to_numpy().dtype)
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
floats and times: float64
the second row: [2.5, 1767312000000000.0]
integers and dates: [[1, 20454], [2, 20455]]
dates alone: datetime64[D]
EXPECTED
