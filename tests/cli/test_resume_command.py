"""`bpframe train --resume auto`: a run that was interrupted goes on to the files of one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from threadpoolctl import threadpool_limits

import bpframe as bp
from bpframe.cli.app import main
from tests.cli.commands import COMMAND, interrupted

CONFIG = """
loss = "softmax_cross_entropy"
optimizer = "adam"
callbacks = [{ name = "early_stopping", patience = 3, min_delta = 0.02 }]

[data]
source = "digits"
standardize = true
validation = { fraction = 0.2 }
test = { fraction = 0.2 }

[model]
layers = [
    { name = "dense", units = 32, activation = "relu" },
    { name = "batch_norm" },
    { name = "dropout", rate = 0.2 },
    { name = "dense", units = 10 },
]

[train]
epochs = 12
engine = "ENGINE"
checkpoint = { every_steps = 10 }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for engine in ("numpy", "jax"):
        (tmp_path / f"{engine}.toml").write_text(CONFIG.replace("ENGINE", engine))
    return tmp_path


def train(*options: str) -> str:
    result = CliRunner().invoke(main, ["train", *options, "--quiet"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def stopped(number: int, run: Path, *options: str) -> int:
    """The exit code of a training that gets a signal once it has written some checkpoints."""
    some = "checkpoints/step-*[3-9]0.safetensors"
    return interrupted(number, lambda: list(run.glob(some)), "train", *options, "--quiet")[0]


def records(run: Path) -> list[dict[str, Any]]:
    history = run / "history.jsonl"  # there is none before the first epoch has ended
    found = [json.loads(line) for line in history.read_text().splitlines()] if history.exists() else []
    return [{key: value for key, value in record.items() if key != "seconds"} for record in found]


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_run_that_was_stopped_goes_on_to_the_same_files(folder: Path, engine: str, number: int, code: int) -> None:
    config, whole, cut = f"{engine}.toml", folder / "runs/whole", folder / "runs/cut"
    train(config, "--name", "whole")
    assert stopped(number, cut, config, "--name", "cut", "--resume", "auto") == code
    made = len(records(cut))
    assert made < len(records(whole))
    assert "runs/cut" in train(config, "--name", "cut", "--resume", "auto")
    assert (cut / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert records(cut) == records(whole)
    assert (cut / "test.json").read_text() == (whole / "test.json").read_text()


def test_a_run_that_is_over_is_not_trained_further(folder: Path) -> None:
    train("numpy.toml", "--resume", "auto")  # the name is the config's
    assert len(list((folder / "runs/numpy/checkpoints").iterdir())) == 3  # as many as are to be kept, the last included
    model = (folder / "runs/numpy/model.safetensors").read_bytes()
    said = train("numpy.toml", "--resume", "auto")
    assert "test accuracy" in said
    assert (folder / "runs/numpy/model.safetensors").read_bytes() == model
    assert [path.name for path in (folder / "runs").iterdir()] == ["numpy"]


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_it(folder: Path) -> None:
    train("numpy.toml", "--name", "whole")
    cut = folder / "runs/cut"
    stopped(signal.SIGKILL, cut, "numpy.toml", "--name", "cut")
    newest = max(cut.glob("checkpoints/step-*"))
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"step-\d+\.safetensors cannot be read.* The checkpoint before it is taken"):
        train("numpy.toml", "--name", "cut", "--resume", "auto")
    assert records(cut) == records(folder / "runs/whole")


def test_a_run_killed_before_its_first_checkpoint_starts_afresh_in_its_folder(folder: Path) -> None:
    train("numpy.toml", "--name", "whole")
    stopped(signal.SIGKILL, folder / "runs/cut", "numpy.toml", "--name", "cut")
    for path in (folder / "runs/cut/checkpoints").iterdir():
        path.unlink()
    train("numpy.toml", "--name", "cut", "--resume", "auto")
    assert records(folder / "runs/cut") == records(folder / "runs/whole")


def test_another_config_than_the_one_begun_is_refused_and_the_line_named(folder: Path) -> None:
    train("numpy.toml", "--name", "one")
    result = CliRunner().invoke(main, ["train", "numpy.toml", "--name", "one", "--resume", "auto", "--epochs", "13"])
    assert result.exit_code == 2
    assert "there 'epochs = 12', now 'epochs = 13'" in result.output


def test_other_threads_than_the_runs_are_told_by_name_and_refused_if_frozen(folder: Path) -> None:
    with threadpool_limits(1, user_api="blas"):
        train("numpy.toml", "--name", "one", "--resume", "auto", "--epochs", "1")
    again = ["train", "numpy.toml", "--name", "one", "--resume", "auto", "--epochs", "1", "--quiet"]
    with threadpool_limits(2, user_api="blas"), pytest.warns(UserWarning, match="threads") as told:
        assert CliRunner().invoke(main, again, catch_exceptions=False).exit_code == 0
    assert [str(each.message).partition("threads")[2].partition(".")[0] for each in told] == [
        " of BLAS: 1 in the lock, 2 now",
        " 1 then, 2 now",
    ]
    with threadpool_limits(2, user_api="blas"):
        refused = CliRunner().invoke(main, [*again, "--frozen"])
    assert refused.exit_code == 2
    assert "threads of BLAS: 1 in the lock, 2 now" in refused.output


def test_other_threads_of_the_engine_in_the_config_are_told_by_name_and_refused_if_frozen(folder: Path) -> None:
    config, one = folder / "numpy.toml", '{ name = "numpy", threads = 1 }'
    config.write_text(CONFIG.replace('"ENGINE"', one).replace("epochs = 12", "epochs = 1"))
    train("numpy.toml", "--resume", "auto")
    config.write_text(config.read_text().replace("threads = 1", "threads = 2"))
    with pytest.warns(UserWarning, match="threads") as told:
        train("numpy.toml", "--resume", "auto")
    assert "train.engine.threads: 1 in the lock, 2 now" in str(told[0].message)
    refused = CliRunner().invoke(main, ["train", "numpy.toml", "--resume", "auto", "--frozen"])
    assert refused.exit_code == 2
    assert "train.engine.threads: 1 in the lock, 2 now" in refused.output
    config.write_text(config.read_text().replace('name = "numpy", threads = 2', 'name = "jax"'))
    refused = CliRunner().invoke(main, ["train", "numpy.toml", "--resume", "auto"])
    assert refused.exit_code == 2
    assert "there 'engine = { name = \"numpy\", scripts = true }', now 'engine" in refused.output


def test_a_run_that_resumes_writes_checkpoints_even_if_the_config_does_not_ask(folder: Path) -> None:
    plain = CONFIG.replace("ENGINE", "numpy").replace("checkpoint = { every_steps = 10 }\n", "")
    (folder / "plain.toml").write_text(plain)
    train("plain.toml", "--resume", "auto")
    assert len(list((folder / "runs/plain/checkpoints").iterdir())) == 1
    train("plain.toml", "--name", "without")
    assert not (folder / "runs/without/checkpoints").exists()


def test_clock_language_rights_and_folder_change_no_byte(folder: Path) -> None:
    train("numpy.toml", "--name", "here")
    (folder / "elsewhere").mkdir()
    command = [
        sys.executable,
        "-c",
        COMMAND,
        "train",
        "../numpy.toml",
        "--name",
        "there",
        "--runs",
        str(folder / "runs"),
    ]
    strange = {**os.environ, "LC_ALL": "C", "LANG": "C", "TZ": "Pacific/Chatham", "PYTHONHASHSEED": "99"}
    code = f"import os, subprocess, sys; os.umask(0o077); sys.exit(subprocess.call({command!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=folder / "elsewhere", env=strange, check=True, capture_output=True)
    here, there = folder / "runs/here", folder / "runs/there"
    assert (there / "model.safetensors").read_bytes() == (here / "model.safetensors").read_bytes()
    assert records(there) == records(here)
    assert (there / "model.safetensors").stat().st_mode & 0o777 == 0o600


def test_the_file_of_a_run_is_a_trainer_too(folder: Path) -> None:
    train("numpy.toml", "--name", "one")
    newest = max((folder / "runs/one/checkpoints").iterdir())
    made = bp.Trainer.resume(newest)
    assert not made.unfinished
    assert made.session.step == int(newest.stem.removeprefix("step-"))
