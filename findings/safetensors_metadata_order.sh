#!/usr/bin/env bash
# safetensors 0.8.0: the same tensors with the same metadata are saved as other bytes each time.
#
# Behaviour: `save(tensors, metadata)` writes the tensors in a fixed order, but the texts of `__metadata__` in one that
# changes from call to call, within one process too. With eight entries twenty calls give about twenty different files.
# Reading gives the same content, so only who compares or hashes files notices.
#
# Most expect: a format that is meant to be simple and safe, and that sorts its tensors, gives the same bytes for the same
# dict; so that a hash of the file identifies the model, and a cache or a build that keeps such files is reproducible. The
# documentation of `save` and of the format says nothing on the order of metadata.
#
# Output seen (2026-11-29, Python 3.11):
#
#     no metadata: 1 file
#     1 entry: 1 file
#     8 entries: several files
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q safetensors==0.8.0 numpy==2.4.6

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import numpy as np
from safetensors.numpy import save

tensors = {"weight": np.zeros((2, 2)), "bias": np.zeros(2)}
for title, metadata in (("no metadata", None), ("1 entry", {"a": ""}), ("8 entries", dict.fromkeys("abcdefgh", ""))):
    files = {save(tensors, metadata) for _ in range(20)}
    print(f"{title}: {'1 file' if len(files) == 1 else 'several files'}")
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
no metadata: 1 file
1 entry: 1 file
8 entries: several files
EXPECTED
