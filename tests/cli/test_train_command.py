"""`bpframe train` leaves a run folder and prints its progress and one line that sums it up."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from bpframe.runs import config
from tests.cli.commands import COMMAND, SMALL, good, records

pytestmark = pytest.mark.usefixtures("folder")


def test_train_leaves_a_run_folder_and_ends_with_one_line_that_sums_it_up(folder: Path) -> None:
    last = good("train", "small.toml").splitlines()[-1]
    assert re.fullmatch(r"test loss \d\.\d{4}, test accuracy \d\.\d{4}, \d+\.\d s, runs/small", last)
    names = {"config.toml", "run.lock.toml", "history.jsonl", "model.safetensors", "test.json"}
    assert {file.name for file in (folder / "runs" / "small").iterdir()} == names


def test_the_files_of_a_run_tell_the_same_as_the_python_api(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    run = folder / "runs" / "small"
    loaded = config.load("small.toml")
    parts, trainer = loaded.data(), loaded.trainer()
    history = trainer.fit(*parts.train, epochs=2, validation=parts.validation)
    assert json.loads((run / "test.json").read_text()) == {**trainer.evaluate(*parts.test), "rows": 15}
    assert [record["train"]["loss"] for record in records(run / "history.jsonl")] == history.train["loss"]
    assert (run / "config.toml").read_text() == loaded.text()
    for name, value in bp.Trainer.load(run / "model.safetensors").parameters.items():
        np.testing.assert_array_equal(value, trainer.parameters[name])


def test_a_second_run_gets_a_folder_of_its_own_and_repeats_the_first(folder: Path) -> None:
    good("train", "small.toml")
    assert good("train", "small.toml").splitlines()[-1].endswith("runs/small-2")
    assert (folder / "runs/small-2/test.json").read_text() == (folder / "runs/small/test.json").read_text()


def test_options_override_the_config_and_choose_the_folder(folder: Path) -> None:
    options = ["--set", "model.layers.0.label=out", "--set", "train.batch_size=7", "--engine", "numpy", "--epochs", "3"]
    last = good("train", "small.toml", *options, "--name", "mine", "--runs", "deep/down", "--quiet")
    assert last.endswith("deep/down/mine\n")
    settings = config.load(folder / "deep/down/mine/config.toml").settings
    assert (settings.train.epochs, settings.train.batch_size) == (3, 7)
    assert len(records(folder / "deep/down/mine/history.jsonl")) == 3
    assert "out/weight" in bp.Trainer.load(folder / "deep/down/mine/model.safetensors").parameters


def test_the_example_config_trains(folder: Path) -> None:
    example = Path(__file__).parents[2] / "docs" / "examples" / "digits.toml"
    assert "test accuracy 0." in good("train", example, "--epochs", 2, "--quiet")


@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (3, 3), (20, 20), (21, 11), (99, 20), (100, 20)])
def test_where_there_is_no_terminal_progress_is_at_most_twenty_lines_and_one_for_the_last_epoch(
    epochs: int, lines: int
) -> None:
    *progress, _ = good("train", "small.toml", "--epochs", epochs).splitlines()
    assert len(progress) == lines
    expected = rf"epoch +{epochs}/{epochs}  loss \d\.\d{{4}}  validation accuracy \d\.\d{{4}}  [\d,]+ steps/s"
    assert re.fullmatch(expected, progress[-1])


def test_a_config_that_names_progress_shows_it_once(folder: Path) -> None:
    (folder / "small.toml").write_text(SMALL + '[[callbacks]]\nname = "progress"\nevery = 1\n')
    lines = good("train", "small.toml", "--epochs", "40").splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["epoch"] * 40


def test_quiet_shows_the_last_line_alone() -> None:
    assert len(good("train", "small.toml", "--quiet").splitlines()) == 1


def test_an_early_stop_is_told_with_its_reason(folder: Path) -> None:
    stopping = '[[callbacks]]\nname = "early_stopping"\npatience = 1\nmin_delta = 1000\n'
    (folder / "small.toml").write_text(SMALL + stopping)
    lines = good("train", "small.toml", "--epochs", "50").splitlines()
    assert re.fullmatch(r"epoch  2/50 .*", lines[-3])
    assert lines[-2].startswith("Stopped early: validation.loss has not improved for 1 epochs")


def test_without_a_test_part_the_next_best_part_is_measured_and_named(folder: Path) -> None:
    (folder / "small.toml").write_text(SMALL.replace("test =", "# test ="))
    assert good("train", "small.toml", "--quiet").startswith("validation loss ")
    assert not (folder / "runs/small/test.json").exists()
    (folder / "small.toml").write_text(SMALL.replace("test =", "# test =").replace("validation =", "# validation ="))
    assert good("train", "small.toml", "--quiet").startswith("train loss ")


def on_a_terminal(*arguments: str, columns: str = "100") -> str:
    """What the command writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": columns}
    command = [sys.executable, "-c", COMMAND, *arguments]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 4096):
            written += chunk
    except OSError:  # how Linux says that the other side has gone
        pass
    os.close(ours)
    assert process.wait(60) == 0, written
    return written.decode()


def test_on_a_terminal_progress_is_one_line_that_is_written_over() -> None:
    written = on_a_terminal("train", "small.toml")
    assert re.search(r"\repoch 2/2  ━+  loss \S+  val accuracy \S+  [\d,]+ steps/s *\r\n", written)
    assert "\x1b" not in written
    assert re.search(r"\r\ntest loss .*runs/small\r\n$", written)


def test_on_a_terminal_the_bar_says_what_a_compiled_run_waits_for() -> None:
    assert re.search(r"epoch 0/2 .*compiling.*epoch 2/2", on_a_terminal("train", "small.toml", "--engine", "jax"), re.S)
    assert "compiling" not in on_a_terminal("train", "small.toml")


def test_a_run_on_a_device_says_which(folder: Path) -> None:
    assert re.search(r", on cpu:0, \d+\.\d s, runs/small$", good("train", "small.toml", "--engine", "jax").strip())


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_on_a_terminal_each_component_is_shown_whole_however_narrow(columns: int) -> None:
    lines = re.sub(r"\x1b\[\d*m", "", on_a_terminal("plugins", columns=str(columns))).splitlines()
    assert max(map(len, lines)) <= columns
    words = " ".join(" ".join(lines).split())
    assert "v = tanh(u); phi'(u) = (1 - v)(1 + v), so the value alone is kept for the backward pass." in words
    assert f"All are of bpframe {bp.__version__}." in words


@pytest.mark.parametrize("columns", [40, 80])
def test_on_a_terminal_a_component_is_described_without_breaking_words(columns: int) -> None:
    written = on_a_terminal("plugins", "info", "optimizer:prodigy", columns=str(columns))
    described = written.partition("distribution")[0].splitlines()
    assert max(map(len, described)) <= columns
    wanted = set((bp.load("optimizer", "prodigy").__doc__ or "").split())
    assert wanted <= set(" ".join(described).split())


def test_a_second_process_finds_the_programs_that_the_first_has_compiled(folder: Path, cache_home: Path) -> None:
    options = "train", "small.toml", "--engine", "jax", "--set", "model.layers.0.units=23"
    good(*options, "--no-cache", "--name", "anew")
    assert not list(cache_home.rglob("*-cache"))
    command = [sys.executable, "-m", "bpframe", *options]
    for name in ("first", "second"):
        done = subprocess.run(
            [*command, "--name", name], env={**os.environ, "JAX_LOG_COMPILES": "1"}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert ("cache hit for 'jit_block_loop'" in done.stderr) is (name == "second")
    assert list((cache_home / "bpframe" / "programs").rglob("jit_block_loop*-cache"))
    models = {(folder / "runs" / name / "model.safetensors").read_bytes() for name in ("anew", "first", "second")}
    assert len(models) == 1
