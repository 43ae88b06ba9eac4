"""A run that starts from the model of another, or anew, at another rate: as the message of one that ended says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from tests.cli.commands import ON_ROWS, SMALL, bad, good

MODEL = "model.safetensors"
pytestmark = pytest.mark.usefixtures("rows")


def regression(folder: Path, optimizer: str) -> None:
    """run.toml fits large numbers by this optimizer."""
    text = ON_ROWS.replace("softmax_cross_entropy", "mse").replace('"adam"', optimizer)
    (folder / "run.toml").write_text(text.replace("units = 2", "units = 1"))
    x = np.random.default_rng(0).normal(size=(60, 3))
    np.savez(folder / "rows.npz", x=x, y=1e4 * (x[:, 0] + 1))


@pytest.mark.parametrize("epochs", [1, 500])
@pytest.mark.parametrize("lr", [50, 1e25])
def test_after_a_loss_that_grew_the_command_in_the_message_starts_anew(folder: Path, epochs: int, lr: float) -> None:
    text = (
        SMALL.replace("softmax_cross_entropy", "mse").replace("moons", "noisy_sine").replace("units = 2", "units = 1")
    )
    (folder / "small.toml").write_text(text.replace(', kind = "stratified"', "") + "batch_size = 1\n")
    told = bad(4, "train", "small.toml", "--epochs", str(epochs), "--quiet", "--set", f"optimizer.lr={lr}")
    assert "They have gone astray: start anew rather than from them." in told
    command = told.splitlines()[-1].partition("To start anew with another learning rate: ")[2]
    assert command == f"bpframe train runs/small/config.toml --set optimizer.lr={lr / 10:.3g} --name small-2"


def test_after_numbers_that_are_not_finite_the_command_in_the_message_starts_from_the_last_finite_step(
    folder: Path,
) -> None:
    regression(folder, '{ name = "sgd", lr = { name = "step", initial = 1e-3, every = 20, factor = 3e38 } }')
    told = bad(4, "train", "run.toml", "--epochs", "400", "--quiet")
    (kept,) = (folder / "runs/run/checkpoints").iterdir()
    assert "The model after step 20 (4 whole epochs) is saved in runs/run. To start from it" in told
    assert kept.name == "step-00000020.safetensors"
    assert "that of the first epoch" not in told
    words = shlex.split(told.partition("To start from it with another learning rate: bpframe ")[2])
    assert words[-4:] == ["--set", "optimizer.lr.initial=0.0001", "--name", "run-2"]
    good(*words, "--epochs", "2", "--quiet")
    before = bp.Trainer.load(folder / "runs/run" / MODEL).parameters
    after = bp.Trainer.load(folder / "runs/run-2" / MODEL).parameters
    for name, value in before.items():
        assert 0 < np.abs(after[name] - value).max() < 0.5 * np.abs(value).max()
    assert "start" in (folder / "runs/run-2/run.lock.toml").read_text()
    (folder / "runs/run" / MODEL).unlink()
    assert "--frozen needs" in bad(2, "train", "run.toml", "--frozen", "runs/run-2", "--quiet")


def test_a_model_of_another_network_is_no_start(folder: Path) -> None:
    good("train", "run.toml", "--name", "one", "--quiet")
    told = bad(2, "train", "run.toml", "--from", "runs/one", "--set", "model.layers.0.activation=relu", "--quiet")
    assert re.search(
        r"--from needs the network of \S+runs/one/model.safetensors: there .*tanh.*, in the config .*relu", told
    )
    assert not (folder / "runs/run").exists()
