"""The command, run in this process or in one of its own, and what it leaves."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result

from bpframe.cli import main

COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from bpframe.cli import main; main()"
)


def interrupted(number: int, ready: Callable[[], object], *arguments: str) -> tuple[int, str]:
    """(exit code, stderr) of a command that gets a signal as soon as it is ready."""
    command = [sys.executable, "-c", COMMAND, *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 60
        while not ready() and time.monotonic() < end:
            time.sleep(0.002)
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    return process.returncode, told


SMALL = """\
loss = "softmax_cross_entropy"
[data]
source = { name = "moons", points = 60 }
validation = { fraction = 0.2 }
test = { fraction = 0.25, kind = "stratified" }
[[model.layers]]
name = "dense"
units = 2
[train]
epochs = 2
"""
ON_ROWS = """\
loss = "softmax_cross_entropy"
optimizer = "adam"
callbacks = [{ name = "early_stopping", patience = 50 }]
[data]
source = "rows.npz"
validation = { fraction = 0.2 }
test = { fraction = 0.2 }
[[model.layers]]
name = "dense"
units = 4
activation = "tanh"
[[model.layers]]
name = "dropout"
[[model.layers]]
name = "dense"
units = 2
[train]
epochs = 8
batch_size = 8
"""


def write_random_rows(folder: Path, shift: float = 0.0, name: str = "rows.npz") -> None:
    """The rows that it trains on."""
    x = np.random.default_rng(0).normal(size=(60, 3)) + shift
    np.savez(folder / name, x=x, y=(x[:, 0] > x[:, 1]).astype(int))


def bpframe(*arguments: object) -> Result:
    """The command, run in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def good(*arguments: object) -> str:
    """What the command prints; it must end well and leave stderr empty."""
    result = bpframe(*arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def bad(exit_code: int, *arguments: object) -> str:
    """What the command says on stderr: it must end with this code, and without a traceback."""
    result = bpframe(*arguments)
    assert result.exit_code == exit_code, result.output
    assert "Traceback" not in result.output
    return result.stderr


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_rows(folder: Path, x: Any, y: Any) -> None:
    np.savez(folder / "rows.npz", x=x, y=y)
