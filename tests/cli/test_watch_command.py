"""`bpframe watch` shows runs that other processes train, in the terminal and on a page."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bpframe as bp
from bpframe.cli.watch_display import sparkline
from bpframe.cli.watched_run import WatchedRun
from bpframe.runs.folder import RunFolder
from bpframe.runs.process_lock import process_lock
from tests.cli.commands import COMMAND, bad, good
from tests.report.chromium import Browser, chromium

pytestmark = pytest.mark.usefixtures("folder")


NAME = "<i class=planted>[red]one"


def append(run: Path, epoch: int, loss: float) -> None:
    """One more epoch, as a training appends it."""
    record = {"epoch": epoch, "step": epoch, "lr": 0.01, "train": {"loss": loss}, "validation": {}, "seconds": 60.0}
    with (run / "history.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")


@pytest.fixture
def training(folder: Path) -> Path:
    """A run that looks as if it trained: its lock is to be held by a test."""
    good("train", "small.toml", "--quiet", "--name", NAME)
    run = folder / "runs" / NAME
    for name in ("test.json", "model.safetensors", "history.jsonl"):
        (run / name).unlink()
    config = (run / "config.toml").read_text()
    (run / "config.toml").write_text(config.replace("epochs = 2", "epochs = 10"))
    return run


def test_runs_that_are_over_are_told_once_where_there_is_no_terminal(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    header, row = good("watch").splitlines()
    assert header.split()[:3] == ["run", "state", "epoch"]
    assert row.split()[:3] == ["small", "over", "2/2"]


def test_what_is_no_run_is_refused(folder: Path) -> None:
    assert "no folder" in bad(5, "watch", "missing")


def test_a_run_is_followed_through_training_a_stop_and_a_resume(training: Path) -> None:
    watched = WatchedRun(bp.Run(training))
    with process_lock(RunFolder(training)):
        assert watched.look()
        assert (watched.state, watched.row()[2]) == ("training", "0/10")
        append(training, 1, 0.5)
        append(training, 2, 0.25)
        assert watched.look()
        assert watched.row() == (NAME, "training", "2/10", "0.25", "", "0.25 in 2", "8:00")
        assert not watched.look()
    watched._heard = -1e9  # long ago
    assert watched.look()
    assert watched.state == "stopped"
    with process_lock(RunFolder(training)):
        append(training, 3, 0.75)
        assert watched.look()
        watched._heard = -1e9
        watched.look()
        assert watched.state == "training"
        assert watched.row()[3:6] == ("0.75", "", "0.25 in 2")
    assert watched.recent(2) == [0.25, 0.75]
    (training / "new.jsonl").write_text((training / "history.jsonl").read_text().splitlines(keepends=True)[0])
    (training / "new.jsonl").replace(training / "history.jsonl")  # as a resumed run does
    assert watched.look()
    assert watched.recent(9) == [0.5]


def test_bars_go_from_the_least_to_the_most() -> None:
    assert sparkline([0.0, 7.0, float("nan"), 3.0]) == "▁█ ▄"
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline([float("nan")]) == ""


class Terminal:
    """The command in a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self._terminal, inside = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "140", "NO_COLOR": "1"}
        command = [sys.executable, "-c", COMMAND, *arguments]
        self.process = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, env=environment)
        os.close(inside)
        self.text = ""

    def until(self, wanted: Callable[[str], bool]) -> str:
        """All that it has written, once that is as wanted."""
        end = time.monotonic() + 60
        while not wanted(self.text):
            assert time.monotonic() < end, self.text
            ready, _, _ = select.select([self._terminal], [], [], 0.2)
            if ready:
                try:
                    self.text += os.read(self._terminal, 65536).decode()
                except OSError:  # it has ended
                    assert wanted(self.text), self.text
        return self.text

    def interrupt(self) -> int:
        """Its exit code, after Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()  # so that a failure ends here
        self.process.wait()
        os.close(self._terminal)


def test_a_terminal_shows_each_epoch_soon_and_text_as_text(training: Path) -> None:
    with process_lock(RunFolder(training)):
        append(training, 1, 0.5)
        with Terminal("watch", "runs") as terminal:
            terminal.until(lambda text: "1/10" in text)
            append(training, 2, 0.125)
            text = terminal.until(lambda text: "2/10" in text)
            assert NAME in text
            assert "0.125 in 2" in text
            assert terminal.interrupt() == 0


def test_a_served_page_draws_each_epoch_as_it_comes(training: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-c", COMMAND, "watch", "runs", "--serve"]
    with process_lock(RunFolder(training)), chromium(tmp_path) as browser:
        append(training, 1, 0.5)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                see_epochs_come(process, browser, training)
                process.send_signal(signal.SIGINT)
                assert process.wait(60) == 0
            finally:
                process.kill()  # so that a failure ends here


def see_epochs_come(process: subprocess.Popen[str], browser: Browser, run: Path) -> None:
    """The page draws an epoch that is appended while it is open, and shows text as text."""
    assert process.stdout is not None
    found = re.match(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", process.stdout.readline())
    assert found
    page = browser.page()
    page.open(found[0])
    page.wait_for("document.getElementById('state').textContent === 'live'")
    append(run, 2, 0.25)
    page.wait_for("report.plots()[0].u.data[0].length === 2")
    data: list[Any] = page.value("report.plots()[0].u.data.map(column => [...column])")
    assert data[:2] == [[1, 2], [0.5, 0.25]]
    status = page.value("document.getElementById('status').innerText")
    assert "2/10" in status
    assert NAME in status
    assert page.value("document.querySelectorAll('.planted').length") == 0
    assert page.complaints() == []
