#!/usr/bin/env bash
# tensorboardX 2.6.5: the second of two writers that are opened on a folder within one second takes the first one's file.
#
# Behaviour: the name of an event file holds the second of its opening and the host, and no number of the process or of
# the writer (PyTorch's and TensorFlow's have both). Opening truncates, so what an earlier writer has closed and flushed is gone
# without a word, and TensorBoard shows the curves of the later one alone.
#
# Most expect: two event files, as of two writers that are opened a second apart, and the curves of both.
#
# Output seen (2026-11-30, Python 3.11):
#
#     a second apart: 2 files, curves ['first', 'second']
#     within a second: 1 files, curves ['second']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q tensorboardX==2.6.5 tensorboard==2.20.0 numpy==2.4.6 "setuptools<81"

"$folder/env/bin/python" - "$folder" 2>/dev/null > "$folder/seen" <<'PYTHON'
import sys
import time
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboardX import SummaryWriter


def seen(folder: Path, pause: float) -> str:
    time.sleep(1 - time.time() % 1)  # a second begins
    for name in ("first", "second"):
        writer = SummaryWriter(str(folder))
        writer.add_scalar(name, 1.0, 1)
        writer.close()
        time.sleep(pause)
    events = EventAccumulator(str(folder))
    events.Reload()
    return f"{len(list(folder.iterdir()))} files, curves {sorted(events.Tags()['scalars'])}"


print("a second apart:", seen(Path(sys.argv[1], "apart"), 1.1))
print("within a second:", seen(Path(sys.argv[1], "within"), 0.0))
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
a second apart: 2 files, curves ['first', 'second']
within a second: 1 files, curves ['second']
EXPECTED
