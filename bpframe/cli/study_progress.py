"""The progress of a study on stderr: a live line in a terminal, some ten plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Any, final

from bpframe.studies.trial_file import TrialFile

LINES = 10  # where stderr is no terminal


@final
class StudyProgress:
    """Called with (trials that are done, all, the latest record)."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, whole: int, record: Any) -> None:
        """Say how far the study is, and how long the rest may take."""
        if self._first is None:
            self._first = done - 1
        live = sys.stderr is not None and sys.stderr.isatty()
        every = max(1, whole // LINES)
        if not live and done != whole and done % every:
            return
        took = time.monotonic() - self._start
        left = took / (done - self._first) * (whole - done)
        text = f"{done}/{whole} trials, {took:.0f} s" + (f", about {left:.0f} s left" if done < whole else "")
        with suppress(OSError, ValueError, AttributeError):  # a study goes on where nobody reads of it
            sys.stderr.write(f"\r{text}\033[K" + ("\n" if done == whole else "") if live else f"{text}\n")
            sys.stderr.flush()


def trial_count_text(file: TrialFile) -> str:
    """ "9 trials: base.sweep.jsonl", as the end of what a command prints."""
    count = max(0, len(file.records()) - 1)
    return f"{count} {'trial' if count == 1 else 'trials'}: {file.path}"
