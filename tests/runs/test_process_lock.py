"""One process at a time trains under a name; a second one is refused, and the death of the first frees the run."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bpframe.cli.train_run import _claim_folder
from bpframe.errors import CheckpointError, ConfigError
from bpframe.runs import process_lock as module
from bpframe.runs.folder import RunFolder
from bpframe.runs.process_lock import process_lock

CONFIG = """
loss = "softmax_cross_entropy"
optimizer = "adam"
[data]
source = "digits"
test = { fraction = 0.2 }
[[model.layers]]
name = "dense"
units = 10
[train]
epochs = 20
engine = "numpy"
checkpoint = { every_steps = 10 }
"""
COMMAND = [sys.executable, "-c", "from bpframe.cli import main; main()", "train", "digits.toml", "--quiet"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "digits.toml").write_text(CONFIG)
    return tmp_path


def begin(place: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *options], cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def result(process: subprocess.Popen[str]) -> tuple[int, str]:
    return process.wait(timeout=120), process.communicate()[0]


def wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size) and time.monotonic() < end:
        time.sleep(0.001)


posix = pytest.mark.skipif(os.name != "posix", reason="Windows stops no process with a signal")


@posix
@pytest.mark.parametrize("file", ["training.pid", "history.jsonl"], ids=["at its start", "in its epochs"])
def test_a_second_process_is_refused_while_one_trains_and_not_once_that_is_killed(place, file):
    run = place / "runs/one"
    first = begin(place, "--name", "one", "--resume", "auto")
    try:
        wait_for(run / file)
        first.send_signal(signal.SIGSTOP)
        code, said = result(begin(place, "--name", "one", "--resume", "auto"))
        assert code == 2
        assert f"runs/one needs one process at a time, but process {first.pid} on " in said
        assert "is training there. Wait until it ends, or choose another --name." in said
        code, said = result(begin(place, "--name", "one"))
        assert (code, "--name needs a free name, but runs/one exists" in said) == (2, True)
    finally:
        first.kill()
        assert result(first)[0] == -signal.SIGKILL
    assert result(begin(place, "--name", "one", "--resume", "auto"))[0] == 0
    assert not (run / "training.pid").exists()
    assert result(begin(place, "--name", "whole"))[0] == 0
    assert (run / "model.safetensors").read_bytes() == (place / "runs/whole/model.safetensors").read_bytes()


def test_a_run_whose_process_was_killed_before_it_had_written_anything_starts_in_its_folder(place):
    run = place / "runs/one"
    run.mkdir(parents=True)
    for left in ("training.pid", "run.lock.toml", ".config.toml.tmp-12-0123abcd"):
        (run / left).write_text("process 1 on a machine")
    done = result(begin(place, "--name", "one", "--resume", "auto", "--epochs", "1"))
    assert done[0] == 0, done
    (place / "runs/two").mkdir()
    (place / "runs/two/letter.txt").write_text("mine")
    code, said = result(begin(place, "--name", "two", "--resume", "auto", "--epochs", "1"))
    assert (code, "--name needs a free name, but runs/two exists" in said) == (2, True)


def test_a_run_that_came_and_went_while_another_was_about_to_begin_it_is_left_alone(tmp_path):
    folder = RunFolder(tmp_path / "one")
    folder.path.mkdir()
    folder.config.write_text("all of it")
    with pytest.raises(ConfigError, match=r"--name needs a free name, but .*one exists"):
        _claim_folder(tmp_path, "stem", "one", "auto").__enter__()
    assert os.listdir(folder.path) == ["config.toml"]


def test_of_processes_that_begin_at_once_one_trains_and_the_others_are_refused_or_find_it_over(place):
    ends = [result(each) for each in [begin(place, "--name", "one", "--resume", "auto") for _ in range(3)]]
    print("measured: three processes under one name end with the exit codes", sorted(code for code, _ in ends))
    assert {code for code, _ in ends} <= {0, 2}, ends
    assert 0 in {code for code, _ in ends}
    assert all("one process at a time" in said or "needs a free name" in said for code, said in ends if code)
    assert len((place / "runs/one/history.jsonl").read_text().splitlines()) == 20
    assert not (place / "runs/one/training.pid").exists()


# ------------------------------------------------------------------------------------------------------- the lock alone


def test_of_threads_that_fight_for_a_folder_never_two_are_in_it(tmp_path):
    folder, inside, most, entered, lock = RunFolder(tmp_path), [0], [0], [0], threading.Lock()

    def work(number: int) -> None:
        for _ in range(300):
            try:
                with process_lock(folder):
                    with lock:
                        inside[0] += 1
                        entered[0] += 1
                        most[0] = max(most[0], inside[0])
                    time.sleep(1e-5)
                    with lock:
                        inside[0] -= 1
            except ConfigError:
                pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    print(f"measured: 2400 tries of 8 threads to train in one folder: {entered[0]} entered, {most[0]} at once")
    assert most == [1]
    assert os.listdir(tmp_path) == []


def test_the_folder_is_free_after_an_error_within_and_a_file_that_was_left_is_taken_over(tmp_path):
    folder = RunFolder(tmp_path)
    folder.training.write_text("process 1 on a machine that lost its power, and a longer story besides")

    def fail() -> None:
        with process_lock(folder):
            assert folder.training.read_text().startswith(f"process {os.getpid()} on ")
            assert "story" not in folder.training.read_text()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"\x1b[2J"])
def test_a_holder_that_does_not_say_who_it_is_is_another_process(tmp_path, content):
    folder = RunFolder(tmp_path)
    with process_lock(folder):
        folder.training.write_bytes(content)
        with pytest.raises(ConfigError, match="but another process is training there"):
            process_lock(folder).__enter__()


def test_where_a_file_system_knows_no_locks_training_goes_on_without(tmp_path, monkeypatch):
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "no locks here")

    monkeypatch.setattr(module, "_lock", refuse)
    with process_lock(RunFolder(tmp_path)), process_lock(RunFolder(tmp_path)):
        pass


def test_a_folder_that_is_gone_is_an_error_that_names_it(tmp_path):
    with pytest.raises(CheckpointError, match=r"gone/training\.pid cannot be written"):
        process_lock(RunFolder(tmp_path / "gone")).__enter__()
