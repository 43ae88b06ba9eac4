"""Every error and every signal has its documented exit code."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.cli.exit_codes import CODES, SighupReceived, SigtermReceived, error_message, exit_code
from bpframe.errors import BpframeError, ConfigError, NumericalError
from bpframe.runs import config
from tests.cli.commands import SMALL, bad, bpframe, good, interrupted, records, write_rows
from tests.conftest import Site

pytestmark = pytest.mark.usefixtures("folder")


# -------------------------------------------------------------------------------------------------------------- errors


def test_every_error_of_bpframe_has_the_documented_exit_code() -> None:
    expected = {
        "BpframeError": 70,
        "ConfigError": 2,
        "DataError": 3,
        "ShapeError": 3,
        "RangeError": 3,
        "NumericalError": 4,
        "CheckpointError": 5,
        "PluginError": 6,
        "UnknownComponent": 2,
        "AmbiguousComponent": 6,
        "BlockedComponent": 6,
        "BrokenComponent": 6,
        "IncompatibleComponent": 6,
        "CheckFailed": 1,
    }
    kinds = [kind for kind in vars(bp.errors).values() if isinstance(kind, type) and issubclass(kind, BpframeError)]
    assert {kind.__name__: exit_code(kind("message")) for kind in kinds} == expected
    stops = KeyboardInterrupt(), SighupReceived(), SigtermReceived(), ValueError()
    assert [exit_code(stop) for stop in stops] == [130, 129, 143, 70]
    assert len(CODES) == len({kind for kind, _ in CODES})


def test_a_note_is_told_after_the_message() -> None:
    error = NumericalError("It diverged.")
    error.add_note("The model is saved.")
    assert error_message(error) == "NumericalError: It diverged. The model is saved."
    assert error_message(ConfigError("a.toml:3: wrong")) == "a.toml:3: wrong"


CONFIG_ERRORS: list[tuple[list[str], str]] = [
    (["nowhere.toml"], "nowhere.toml: a config needs to be a readable file"),
    (["small.toml", "--set", "loss=hubr"], "--set loss: loss.name: no loss named 'hubr'. Did you mean 'huber'?"),
    (["small.toml", "--epochs", "0"], "--epochs: wants a number of at least 1, got 0."),
    (["small.toml", "--engine", "jacks"], "--engine: train.engine.name: no engine named 'jacks'."),
    (["small.toml", "--set", "optimizer.lr"], "--set needs KEY=VALUE"),
    (["small.toml", "--set", "model.layers.0.unit=3"], "--set model.layers.0.unit: Dense has no argument 'unit'."),
    (["small.toml", "--name", "a/b"], "--name needs a plain file name, got 'a/b'."),
    (["small.toml", "--set", "callbacks=[{name='early_stopping', monitor='x'}]"], "early_stopping monitors 'x'"),
    (["small.toml", "--set", "data.source.points=0"], "small.toml:3: data.source: points of moons needs"),
    (["small.toml", "--epochs", "many"], "Invalid value for '--epochs'"),
    (["--unknown"], "No such option"),
]


@pytest.mark.parametrize(("arguments", "told"), CONFIG_ERRORS)
def test_a_wrong_config_ends_with_2_and_leaves_nothing(folder: Path, arguments: list[str], told: str) -> None:
    assert told in bad(2, "train", *arguments)
    assert [file.name for file in folder.iterdir()] == ["small.toml"]


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [
        (np.where(np.eye(20, 2), np.nan, 1.0), np.arange(20) % 2, "x needs finite numbers, got nan at row 0, column 0"),
        (np.ones((0, 2)), np.ones(0), "at least one row"),
        (np.ones((20, 2)), np.arange(20), "room for 2 classes, but y has"),
        (np.ones((20, 2)), np.ones(19), "needs a row of y for each row of x"),
        (np.ones((2, 2)), np.ones(2), "at least one row in each part"),
    ],
)
def test_unusable_data_end_with_3_and_leave_no_run(folder: Path, x: Any, y: Any, told: str) -> None:
    write_rows(folder, x, y)
    assert told in bad(3, "train", "small.toml", "--set", "data.source=rows.npz", "--set", "data.test.kind=random")
    assert not (folder / "runs").exists()


def test_a_missing_data_file_ends_with_3() -> None:
    assert "read needs an existing file" in bad(3, "train", "small.toml", "--set", "data.source=nowhere.npy")


def test_a_run_that_diverges_ends_with_4_and_keeps_its_last_finite_model(folder: Path) -> None:
    text = (
        SMALL.replace("softmax_cross_entropy", "mse").replace("moons", "noisy_sine").replace("units = 2", "units = 1")
    )
    (folder / "small.toml").write_text(text.replace(', kind = "stratified"', ""))
    told = bad(4, "train", "small.toml", "--epochs", "500", "--set", "optimizer.lr=50", "--quiet")
    steps = re.search(r"NumericalError: .* not finite at step (\d+), .* after step (\d+)\..* in runs/small\.", told)
    assert steps
    assert int(steps[1]) == int(steps[2]) + 1
    model = bp.Trainer.load(folder / "runs/small/model.safetensors")
    assert all(np.isfinite(value).all() for value in model.parameters.values())
    assert records(folder / "runs/small/history.jsonl")
    assert not (folder / "runs/small/test.json").exists()


def test_a_model_that_is_missing_or_damaged_ends_with_5(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    assert "is not the folder of a trained run" in bad(5, "evaluate", "runs/other")
    model = folder / "runs/small/model.safetensors"
    model.write_bytes(model.read_bytes()[:-1])
    assert "CheckpointError: runs/small/model.safetensors" in bad(5, "evaluate", "runs/small")


def test_a_folder_that_cannot_be_written_ends_with_5(folder: Path) -> None:
    (folder / "runs").write_text("a file")
    assert "CheckpointError: runs cannot be written" in bad(5, "train", "small.toml")


@pytest.mark.parametrize(
    ("loss", "exit_code", "told"),
    [
        ("broken", 6, "BrokenComponent: loss 'sample-broken/broken' (sample-broken 0.1, sample_broken:Broken)"),
        ("exits", 6, "BrokenComponent: loss 'sample-exits/exits'"),
        ("incomplete", 6, "IncompatibleComponent: loss 'sample-incomplete/incomplete'"),
        ("twin", 6, "AmbiguousComponent: loss 'twin' is provided by 'sample-twin-one/twin'"),
        ("sample-twin-one/twim", 2, "--set loss: loss.name: no loss named 'sample-twin-one/twim'."),
    ],
)
def test_a_plugin_that_cannot_be_used_ends_with_6_and_a_wrong_name_with_2(
    site: Site, folder: Path, loss: str, exit_code: int, told: str
) -> None:
    done = site.run(
        f"import os; os.chdir({str(folder)!r}); from bpframe.cli import main; "
        f"main(['train', 'small.toml', '--set', 'loss={loss}'])"
    )
    assert done.returncode == exit_code, done.stderr
    assert done.stderr.startswith(told)
    assert "Traceback" not in done.stderr


def test_no_plugins_blocks_third_parties_for_this_run_alone(site: Site, folder: Path) -> None:
    (folder / "small.toml").write_text(SMALL.replace("moons", "noisy_sine").replace(', kind = "stratified"', ""))
    start = f"import os; os.chdir({str(folder)!r}); from bpframe.cli import main; main("
    arguments = ["train", "small.toml", "--set", "loss=pseudo_huber", "--set", "model.layers.0.units=1", "--quiet"]
    blocked = site.run(f"{start}{[*arguments, '--no-plugins']})")
    assert blocked.returncode == 6
    assert "is blocked: --no-plugins allows no third-party plugins" in blocked.stderr
    assert site.out(f"{start}{arguments})").startswith("test loss")
    assert site.out(f"{start}['evaluate', 'runs/small'])").startswith("test loss")
    np.save(folder / "rows.npy", np.zeros((3, 1)))
    predict = ["predict", "runs/small", "rows.npy", "-o", "out.csv"]
    for command in (["evaluate", "runs/small"], predict):
        blocked = site.run(f"import sys; {start}{[*command, '--no-plugins']})")
        assert (blocked.returncode, blocked.stdout) == (6, "")
        assert "is blocked: --no-plugins allows no third-party plugins" in blocked.stderr
    assert not (folder / "out.csv").exists()
    assert site.out(f"{start}{predict})").startswith("3 rows")


def test_an_error_of_bpframe_itself_ends_with_70_and_says_how_to_see_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **options: Any) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("bpframe.cli.train_run.load", fail)
    told = bad(70, "train", "small.toml")
    assert told.startswith("ZeroDivisionError: by nought\n")
    assert "bpframe --debug" in told


def test_debug_shows_the_traceback_and_keeps_the_exit_code() -> None:
    result = bpframe("--debug", "train", "nowhere.toml")
    assert result.exit_code == 2
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.endswith(
        "\nnowhere.toml: a config needs to be a readable file, got: No such file or directory. Check the path.\n"
    )


# ------------------------------------------------------------------------------------------------------------- signals


@pytest.mark.parametrize(
    ("number", "exit_code", "name"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM"), (signal.SIGHUP, 129, "SIGHUP")],
)
def test_a_signal_stops_after_a_whole_step_and_keeps_the_model_of_that_step(
    folder: Path, number: int, exit_code: int, name: str
) -> None:
    run = folder / "runs" / "small"
    history = run / "history.jsonl"

    def ready() -> bool:
        return history.exists() and history.stat().st_size > 0

    returned, told = interrupted(number, ready, "train", "small.toml", "--epochs", "1000000")
    assert returned == exit_code
    said = re.fullmatch(
        rf"Stopped by {name}\. The model after step (\d+) \((\d+) whole epochs?\) is saved in runs/small\. "
        r"To go on: bpframe train runs/small/config\.toml --name small --resume auto\n",
        told,
    )
    assert said
    assert len(records(run / "history.jsonl")) == int(said[2])
    assert (run / "config.toml").read_text() == config.load(
        "small.toml", [config.parse_override("train.epochs=1000000")]
    ).text()

    class Stop:
        @bp.hookimpl
        def bpframe_batch_end(self, state: Any) -> None:
            if state.step == int(said[1]):
                state.stop("as far as the other run got")

    again = config.load("small.toml")
    parts, trainer = again.data(), again.trainer(Stop())
    trainer.fit(*parts.train, epochs=1000000)
    for key, value in bp.Trainer.load(run / "model.safetensors").parameters.items():
        np.testing.assert_array_equal(value, trainer.parameters[key])


def test_a_signal_before_the_first_step_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("bpframe.runs.config.run_config.read_partition", stop)
    before = signal.getsignal(signal.SIGTERM)
    assert bad(143, "train", "small.toml") == "Stopped by SIGTERM.\n"
    assert signal.getsignal(signal.SIGTERM) is before
    assert not (folder / "runs").exists()
