"""An editor's view of configs: what stock Tombi, without a network, marks in them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TOMBI = Path(sys.executable).with_name("tombi")
Marks = list[tuple[int, int, str]]  # line, column, message


def lint(folder: Path, texts: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, Marks]:
    """What is marked in each text, written to a file of that name in a folder that holds the schema."""
    (folder / "bpframe.schema.json").write_text(json.dumps(schema))
    for name, text in texts.items():
        (folder / name).write_text(text)
    options = ["--offline", "--no-cache", "--diagnostics-format", "json-lines", "--diagnostics-file", "marks.jsonl"]
    done = subprocess.run(
        [TOMBI, "lint", *options, *texts], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert "linted" in done.stdout + done.stderr, done
    marks: dict[str, Marks] = {name: [] for name in texts}
    for line in (folder / "marks.jsonl").read_text().splitlines():
        mark = json.loads(line)
        start = mark["range"]["start"]
        marks[mark["path"]].append((start["line"], start["column"], mark["message"]))
    return marks
