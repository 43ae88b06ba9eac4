"""The command, run in this process or in one of its own, and what it leaves."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

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
