#!/usr/bin/env bash
# matplotlib 3.11.2 in a notebook (ipykernel 7.4.0, matplotlib-inline 0.2.2): a kernel whose first figure is made inside
# rc_context shows no later figure.
#
# Behaviour: the first figure of a kernel loads the inline backend, which turns interactive mode on, as a setting of
# rcParams. Inside rc_context the end of the block puts the settings of before back, interactive mode off among them.
# Later cells draw and show nothing, and nothing says why. After a figure outside of such a block all cells show theirs.
#
# Most expect: rc_context changes what is drawn inside it, and nothing about the cells that follow.
#
# Output seen (2026-11-30, Python 3.11):
#
#     first figure before the block: pictures in cells [True, True]
#     first figure inside the block: pictures in cells [True, False]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q matplotlib==3.11.2 ipykernel==7.4.0 matplotlib-inline==0.2.2 nbclient==0.10.2 nbformat==5.10.4
export JUPYTER_PATH="$folder/env/share/jupyter" MPLCONFIGDIR="$folder/matplotlib" IPYTHONDIR="$folder/ipython"
unset MPLBACKEND

"$folder/env/bin/python" - 2>/dev/null > "$folder/seen" <<'PYTHON'
import nbformat
from nbclient import NotebookClient

INSIDE = "import matplotlib\nwith matplotlib.rc_context({'font.size': 9}):\n    from matplotlib import pyplot\n    pyplot.plot([1, 2])"
LATER = "pyplot.plot([1, 3]);"


def shown(first: str) -> list[bool]:
    cells = [nbformat.v4.new_code_cell(text) for text in (first, LATER)]
    done = NotebookClient(nbformat.v4.new_notebook(cells=cells), kernel_name="python3").execute()
    return [any("image/png" in output.get("data", {}) for output in cell.outputs) for cell in done.cells]


print("first figure before the block: pictures in cells", shown("from matplotlib import pyplot\npyplot.close(pyplot.figure())\n" + INSIDE))
print("first figure inside the block: pictures in cells", shown(INSIDE))
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
first figure before the block: pictures in cells [True, True]
first figure inside the block: pictures in cells [True, False]
EXPECTED
