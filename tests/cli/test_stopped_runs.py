"""A run that ended before its time goes on to the files of one that did not; nothing that a run made is lost."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import bpframe as bp
from bpframe.runs.history_file import HistoryFile
from bpframe.saving import atomic, tensor_file
from tests.cli.commands import COMMAND, ON_ROWS, bad, bpframe, good, interrupted, write_random_rows

MODEL = "model.safetensors"
pytestmark = pytest.mark.usefixtures("rows")


def history(run: Path) -> list[dict[str, Any]]:
    return [
        {k: v for k, v in record.items() if k != "seconds"} for record in HistoryFile(run / "history.jsonl").records()
    ]


def same(one: Path, other: Path) -> None:
    """Both runs have the same files, to the byte but for the clock."""
    for name in (MODEL, "test.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    lines = [re.sub(r'"seconds": [^,}]*', "", (run / "history.jsonl").read_text()) for run in (one, other)]
    assert lines[0] == lines[1]


class Ends:
    """A callback that ends the fit by `error` once there are so many epochs, and does nothing without one."""

    error: BaseException | None = None
    epochs = 3

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        if Ends.error is not None and len(state.history) == Ends.epochs:
            raise Ends.error


@pytest.fixture
def ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The config names that callback, before another."""
    monkeypatch.setattr("bpframe.registry.registry._local", {})
    bp.register("callback", "ends", Ends)
    (folder / "run.toml").write_text(ON_ROWS.replace("[{ name", '["ends", { name'))
    return monkeypatch


def whole(folder: Path) -> Path:
    good("train", "run.toml", "--name", "whole", "--quiet")
    return folder / "runs/whole"


ENDS = [
    (KeyboardInterrupt(), 130),
    (SystemExit(9), 9),
    (RuntimeError("odd"), 70),
    (MemoryError(), 70),
    (OSError(errno.EIO, "the terminal is gone"), 70),
]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(*end, id=type(end[0]).__name__, marks=[] if i % 4 == 0 else [pytest.mark.slow])
        for i, end in enumerate(ENDS)
    ],
)
def test_a_run_that_names_no_checkpoint_goes_on_after_any_end(
    folder: Path, ends: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    ends.setattr(Ends, "error", error)
    result = bpframe("train", "run.toml", "--name", "cut", "--quiet")
    assert result.exit_code == code, result.output
    cut = folder / "runs/cut"
    assert len(history(cut)) == 3
    assert len(list((cut / "checkpoints").iterdir())) == 1
    ends.setattr(Ends, "error", None)
    good("train", "run.toml", "--name", "cut", "--resume", "auto", "--quiet")
    same(cut, whole(folder))


def test_a_resume_that_names_no_run_tells_of_others_that_were_stopped(folder: Path, ends: pytest.MonkeyPatch) -> None:
    good("train", "run.toml", "--quiet")
    ends.setattr(Ends, "error", KeyboardInterrupt())
    for _ in range(2):
        bpframe("train", "run.toml", "--quiet")
    bpframe("train", "run.toml", "--quiet", "--set", "seed=3")
    ends.setattr(Ends, "error", None)
    told = good("train", "run.toml", "--resume", "auto", "--quiet").splitlines()
    assert told[-1].endswith("runs/run")
    assert [line.partition(" was stopped. To go on with it: ") for line in told[:-1]] == [
        (f"runs/{name}", " was stopped. To go on with it: ", command)
        for name in ("run-2", "run-3")
        for command in [f"bpframe train runs/{name}/config.toml --name {name} --resume auto"]
    ]
    good(*shlex.split(told[0].partition("it: bpframe ")[2]), "--quiet")
    same(folder / "runs/run", folder / "runs/run-2")
    assert "run-2" not in good("train", "run.toml", "--resume", "auto", "--quiet")
    assert "stopped" not in good("train", "run.toml", "--resume", "auto", "--quiet", "--name", "run")


def test_signals_that_come_while_the_state_is_written_wait_for_that(
    folder: Path, ends: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, sent = atomic._create, []

    def interrupted(path: Path, parts: Any) -> None:
        if "step-" in path.name:
            sent.append(path)
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        create(path, parts)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
    monkeypatch.setattr(atomic, "_create", interrupted)
    ends.setattr(Ends, "error", KeyboardInterrupt())
    assert bpframe("train", "run.toml", "--name", "cut", "--quiet").exit_code == 130
    signal.signal(signal.SIGINT, before)
    monkeypatch.setattr(atomic, "_create", create)
    assert sent
    assert len(list((folder / "runs/cut/checkpoints").iterdir())) == 1
    ends.setattr(Ends, "error", None)
    good("train", "run.toml", "--name", "cut", "--resume", "auto", "--quiet")
    same(folder / "runs/cut", whole(folder))


def test_the_command_in_the_note_goes_on(folder: Path, ends: pytest.MonkeyPatch) -> None:
    ends.setattr(Ends, "error", KeyboardInterrupt())
    options = ["--set", "optimizer.lr=0.01", "--runs", "my runs", "--epochs", "5"]
    told = bad(130, "train", "run.toml", *options, "--quiet")
    ends.setattr(Ends, "error", None)
    command = shlex.split(told.partition("To go on: bpframe ")[2])
    assert "my runs/run" in good(*command, "--quiet")
    good("train", "run.toml", *options, "--name", "whole", "--quiet")
    same(folder / "my runs/run", folder / "my runs/whole")


def test_a_run_that_is_over_says_how_it_went_and_is_not_touched(folder: Path) -> None:
    first = good("train", "run.toml", "--name", "one", "--quiet")
    run = folder / "runs/one"
    before = {path: path.stat().st_mtime_ns for path in run.iterdir() if path.name != "test.json"}
    again = good("train", "run.toml", "--name", "one", "--resume", "auto", "--quiet")
    assert again.split(", ")[:2] == first.split(", ")[:2]
    assert {path: path.stat().st_mtime_ns for path in run.iterdir() if path.name != "test.json"} == before
    (run / "test.json").unlink()  # as in a run that 0.1.0 finished, without a test part
    assert (
        good("train", "run.toml", "--name", "one", "--resume", "auto", "--quiet").split(", ")[:2]
        == first.split(", ")[:2]
    )


def test_what_cannot_be_gone_on_with_is_not_written_over(folder: Path) -> None:
    good("train", "run.toml", "--name", "one", "--quiet")
    run = folder / "runs/one"
    lines = (run / "history.jsonl").read_text().splitlines(keepends=True)
    (run / "test.json").unlink()
    (run / "history.jsonl").write_text("".join(lines[:5]) + lines[5][:9])  # as 0.1.0 left a run that was stopped
    model = (run / MODEL).read_bytes()
    told = bad(5, "train", "run.toml", "--name", "one", "--resume", "auto", "--quiet")
    assert "runs/one needs a checkpoint to go on from, but holds a model after 5 epochs alone" in told
    assert (run / MODEL).read_bytes() == model
    assert "test loss" in good("train", "run.toml", "--from", "runs/one", "--name", "two", "--quiet")
    (run / MODEL).unlink()  # as a process leaves it that is killed before its first checkpoint
    good("train", "run.toml", "--name", "one", "--resume", "auto", "--quiet")
    assert (run / "history-1.jsonl").read_text() == "".join(lines[:5]) + lines[5][:9]
    same(run, whole(folder))


def test_checkpoints_that_cannot_be_read_are_not_written_over(folder: Path, ends: pytest.MonkeyPatch) -> None:
    ends.setattr(Ends, "error", RuntimeError("odd"))
    bad(70, "train", "run.toml", "--name", "one", "--quiet")
    (file,) = (folder / "runs/one/checkpoints").iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    told = bad(5, "train", "run.toml", "--name", "one", "--resume", "auto", "--quiet")
    assert "cannot be read" in told
    assert "choose another --name" in told
    assert [path.name for path in (folder / "runs/one/checkpoints").iterdir()] == [file.name]


def test_a_config_is_known_again_however_its_path_is_spelt(folder: Path, ends: pytest.MonkeyPatch) -> None:
    (folder / "sub").mkdir()
    (folder / "link").symlink_to(folder)
    ends.setattr(Ends, "error", RuntimeError("odd"))
    bad(70, "train", "run.toml", "--name", "cut", "--quiet")
    ends.setattr(Ends, "epochs", 6)
    ends.chdir(folder / "sub")
    bad(70, "train", "../run.toml", "--name", "cut", "--runs", "../runs", "--resume", "auto", "--quiet")
    ends.setattr(Ends, "error", None)
    ends.chdir(folder)
    good("train", "link/run.toml", "--name", "cut", "--resume", "auto", "--quiet")
    same(folder / "runs/cut", whole(folder))


# ---------------------------------------------------------------------------------------------------------- other data


def test_a_run_does_not_go_on_over_other_data(folder: Path, ends: pytest.MonkeyPatch) -> None:
    ends.setattr(Ends, "error", RuntimeError("odd"))
    bad(70, "train", "run.toml", "--name", "cut", "--quiet")
    ends.setattr(Ends, "error", None)
    files = {path: path.read_bytes() for path in (folder / "runs/cut").rglob("*") if path.is_file()}
    write_random_rows(folder, shift=1e-3)
    for more in ([], ["--frozen"], ["--new-data"]):
        told = bad(2, "train", "run.toml", "--name", "cut", "--resume", "auto", "--quiet", *more)
        assert "x of training: sha256:" in told
    assert {path: path.read_bytes() for path in (folder / "runs/cut").rglob("*") if path.is_file()} == files
    write_random_rows(folder)
    good("train", "run.toml", "--name", "cut", "--resume", "auto", "--quiet", "--frozen")
    same(folder / "runs/cut", whole(folder))


def test_frozen_refuses_other_data_before_anything_is_written(folder: Path) -> None:
    good("train", "run.toml", "--name", "one", "--quiet")
    good("train", "run.toml", "--name", "two", "--quiet", "--frozen", "runs/one")
    write_random_rows(folder, shift=1e-3)
    told = bad(2, "train", "run.toml", "--name", "three", "--quiet", "--frozen", "runs/one")
    assert "--frozen needs what runs/one/run.lock.toml holds" in told
    for part in ("training", "validation", "test"):
        assert f"  x of {part}: sha256:" in told
    assert not (folder / "runs/three").exists()


def test_a_finished_run_is_fitted_on_new_data_where_one_says_so_and_its_history_tells(folder: Path) -> None:
    resume = ["train", "run.toml", "--name", "one", "--resume", "auto", "--quiet"]
    good(*resume)
    write_random_rows(folder, shift=0.5)
    told = bad(2, *resume)
    assert "runs/one is over, and was trained on other data: x of training: sha256:" in told
    assert "Give --new-data" in told
    good(*resume, "--new-data")
    run = folder / "runs/one"
    assert [record["epoch"] for record in history(run)] == list(range(1, 17))
    assert [record["epoch"] for record in history(run) if "data" in record] == [9]
    assert "test loss" in good(*resume, "--frozen")
    model = (run / MODEL).read_bytes()
    (run / MODEL).unlink()
    assert "test loss" in good(*resume, "--new-data")  # these are no new data any more
    assert (run / MODEL).read_bytes() == model
    write_random_rows(folder)
    assert "x of training" in bad(2, *resume)
    assert "--new-data needs a run that is over" in bad(2, "train", "run.toml", "--new-data")


# ------------------------------------------------------------------------------------------------------ disks, signals


@pytest.mark.parametrize(
    "full", ["checkpoint", *(pytest.param(file, marks=pytest.mark.slow) for file in ("history", "model"))]
)
def test_a_full_disk_ends_with_5_and_leaves_the_latest_checkpoint(
    folder: Path, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    text = ON_ROWS.replace("batch_size = 8", "batch_size = 8\ncheckpoint = { every_steps = 5 }")
    (folder / "run.toml").write_text(text)
    create, append, calls = atomic._create, HistoryFile.append, list[Path]()

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def limited(path: Path, parts: Any) -> None:
        calls.append(path)
        stops = full == "checkpoint" and len([path for path in calls if ".step-" in path.name]) > 2
        (no_room if stops or (full == "model" and MODEL in path.name) else create)(path, parts)

    monkeypatch.setattr(atomic, "_create", limited)
    if full == "history":
        monkeypatch.setattr(HistoryFile, "append", lambda self, lines: [no_room, append][len(calls) < 5](self, lines))
        monkeypatch.setattr(HistoryFile, "append", _reraised(HistoryFile.append))
    told = bad(5, "train", "run.toml", "--name", "cut", "--quiet")
    assert "No space left on device" in told
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    files = sorted((folder / "runs/cut/checkpoints").iterdir())
    for file in files:
        tensor_file.read_tensors(file)
    assert files
    good("train", "run.toml", "--name", "cut", "--resume", "auto", "--quiet")
    same(folder / "runs/cut", whole(folder))


def _reraised(append: Any) -> Any:
    def call(self: HistoryFile, lines: Any) -> None:
        with atomic.reraise_as_checkpoint_error(self.path):
            append(self, lines)

    return call


def closed_terminal(folder: Path, *arguments: str) -> int:
    """The exit code of a command whose terminal is closed once it has made some epochs."""
    ours, theirs = pty.openpty()
    take = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "  # a closed terminal tells its owner alone
    command = [sys.executable, "-c", take + COMMAND, *arguments]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    end = time.monotonic() + 60
    while len(history(folder / "runs/cut")) < 3 and time.monotonic() < end:
        os.set_blocking(ours, False)
        try:
            os.read(ours, 65536)
        except BlockingIOError:
            time.sleep(0.002)
    os.close(ours)
    return process.wait(60)


def test_a_run_whose_terminal_is_closed_goes_on_to_the_same_files(folder: Path) -> None:
    code = closed_terminal(folder, "train", "run.toml", "--name", "cut", "--epochs", "400")
    assert code != 0
    made = len(history(folder / "runs/cut"))
    assert 3 <= made < 400
    assert list((folder / "runs/cut/checkpoints").iterdir())
    good("train", "run.toml", "--name", "cut", "--epochs", "400", "--resume", "auto", "--quiet")
    good("train", "run.toml", "--name", "whole", "--epochs", "400", "--quiet")
    same(folder / "runs/cut", folder / "runs/whole")


@pytest.mark.parametrize("where", ["full", pytest.param("closed", marks=pytest.mark.slow)])
def test_a_run_whose_output_goes_nowhere_loses_nothing(folder: Path, where: str) -> None:
    command = [sys.executable, "-c", COMMAND, "train", "run.toml", "--name", "cut", "--epochs", "40"]
    ours, theirs = os.pipe()
    os.close(ours)
    with open("/dev/full", "wb") as full:
        subprocess.run(command, stdout=full if where == "full" else theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    good("train", "run.toml", "--name", "cut", "--epochs", "40", "--resume", "auto", "--quiet")
    good("train", "run.toml", "--name", "whole", "--epochs", "40", "--quiet")
    same(folder / "runs/cut", folder / "runs/whole")


def test_a_signal_that_was_ignored_stays_ignored(folder: Path) -> None:
    code = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); {COMMAND}"
    command = [sys.executable, "-c", code, "train", "run.toml", "--name", "one", "--epochs", "300", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while len(history(folder / "runs/one")) < 1 and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGHUP)
    assert process.returncode == 0
    assert len(history(folder / "runs/one")) > 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("epochs", [1, 7, 30])
def test_a_stopped_run_goes_on_to_the_same_files_whenever_it_is_stopped(folder: Path, number: int, epochs: int) -> None:
    options = ["train", "run.toml", "--epochs", "500", "--quiet", "--name"]
    cut = folder / "runs/cut"
    for _ in range(2):
        made = len(history(cut)) + epochs  # a process that only starts does not listen yet
        code, _ = interrupted(number, lambda made=made: len(history(cut)) >= made, *options, "cut", "--resume", "auto")  # type: ignore[misc]
        assert code in (128 + number, 0)
    good(*options, "cut", "--resume", "auto")
    good(*options, "whole")
    same(cut, folder / "runs/whole")


# ------------------------------------------------------------------------------------------------------ the history


def test_half_a_line_of_a_history_is_skipped(folder: Path) -> None:
    file = HistoryFile(folder / "history.jsonl")
    assert file.records() == []
    file.append([{"epoch": 1}, {"epoch": 2}])
    with file.path.open("a") as opened:
        opened.write(json.dumps({"epoch": 3})[:-3])
    assert file.records() == [{"epoch": 1}, {"epoch": 2}]
    assert file.cut_to_whole_lines() == 2
    file.append([{"epoch": 3}])
    assert [record["epoch"] for record in file.records()] == [1, 2, 3]


def test_a_history_is_flushed_to_the_disk_and_replaced_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: flushed.append(os.fstat(file).st_size) or fsync(file))
    file = HistoryFile(folder / "history.jsonl")
    file.append([{"epoch": 1}])
    assert flushed == [13]
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(bp.errors.CheckpointError):
        file.replace([{"epoch": 9}])
    assert file.records() == [{"epoch": 1}]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--name", "n" * 300], "--name needs at most 255 bytes, got 300"),
        (["--name", "n" * 300, "--resume", "auto"], "--name needs at most 255 bytes, got 300"),
        (["--set", "train.checkpoint={every_seconds=inf}"], "wants a number above 0 that is finite, got inf"),
        (["--set", "train.checkpoint={every_seconds=nan}"], "wants a number above 0 that is finite, got nan"),
        (["--set", "train.checkpoint={every_seconds=0}"], "wants a number above 0 that is finite, got 0"),
    ],
)
def test_names_and_times_that_cannot_be_are_refused_before_anything_is_written(
    folder: Path, words: list[str], told: str
) -> None:
    assert told in bad(2, "train", "run.toml", "--quiet", *words)
    assert not (folder / "runs").exists()
