"""Loggers write what the history has, as the library that reads it gives it back."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bpframe as bp
from bpframe.errors import CheckpointError, ConfigError
from bpframe.training.history import History

X = np.random.default_rng(0).normal(size=(60, 3))
Y = np.where(X[:, 0] > 0, "yes", "no")
READ_TENSORBOARD = """
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
tags = events.Tags()
found = {tag: [[event.step, event.value] for event in events.Scalars(tag)] for tag in tags["scalars"]}
texts = [events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in tags["tensors"]]
print(json.dumps([found, texts]))
"""
READ_MLFLOW = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri="sqlite:///" + sys.argv[1])
experiment = client.get_experiment_by_name("trees")
runs = client.search_runs([experiment.experiment_id])
def told(run):
    names = run.data.metrics
    curves = {name: [[m.step, m.value] for m in client.get_metric_history(run.info.run_id, name)] for name in names}
    return [run.info.run_name, run.info.status, run.data.params, run.data.tags["mlflow.note.content"], curves]
print(json.dumps([told(run) for run in runs]))
"""


def trainer(*callbacks: object) -> bp.Trainer:
    network = bp.Network([bp.layers.dense(4, activation="tanh"), bp.layers.dense(2)])
    return bp.Trainer(network, "softmax_cross_entropy", "adam", callbacks=callbacks, seed=0)


def fit(made: bp.Trainer, epochs: int = 3, **options: Any) -> History:
    return made.fit(X, Y, epochs=epochs, verbose=0, **options)


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text().splitlines()))


def read(code: str, place: Path) -> Any:
    """What the real library finds in a place, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code, str(place)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class Stop(RuntimeError):
    """What interrupts a fit."""


class StopAfter:
    """Ends a fit in an epoch by an exception."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    @bp.hookimpl
    def bpframe_epoch_start(self, state: Any) -> None:
        if state.epoch == self.epoch:
            raise Stop


# ------------------------------------------------------------------------------------------------------------- CSV


def test_the_csv_file_is_the_history_in_every_digit(tmp_path: Path) -> None:
    file = tmp_path / "new/history.csv"
    history = fit(trainer(bp.callbacks.csv_logger(file)), validation=(X[:20], Y[:20]))
    pd.testing.assert_frame_equal(pd.read_csv(file), pd.DataFrame(history), check_exact=True)


def test_the_csv_file_has_each_epoch_when_it_ends(tmp_path: Path) -> None:
    seen = []

    class Look:
        @bp.hookimpl
        def bpframe_epoch_end(self, state: Any) -> None:
            seen.append(len(rows_of(tmp_path / "a.csv")))

    fit(trainer(bp.callbacks.csv_logger(tmp_path / "a.csv"), Look()))
    assert seen == [1, 2, 3]


def test_a_further_fit_goes_on_with_the_csv_file_and_a_new_column_is_empty_before(tmp_path: Path) -> None:
    made = trainer(bp.callbacks.csv_logger(tmp_path / "a.csv"))
    fit(made, 2)
    fit(made, 2, validation=(X[:20], Y[:20]))
    rows = rows_of(tmp_path / "a.csv")
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [bool(row["validation.loss"]) for row in rows] == [False, False, True, True]
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


def test_a_csv_file_of_another_trainer_is_kept_beside(tmp_path: Path) -> None:
    for _ in range(3):
        fit(trainer(bp.callbacks.csv_logger(tmp_path / "a.csv")))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.csv", "earlier-1-a.csv", "earlier-2-a.csv"]


def test_a_resumed_fit_leaves_the_csv_file_of_one_that_was_not_stopped(tmp_path: Path) -> None:
    def kept(file: Path) -> list[dict[str, str]]:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in rows_of(file)]

    fit(trainer(bp.callbacks.csv_logger(tmp_path / "whole.csv")), 5)
    logger, keeper = bp.callbacks.csv_logger(tmp_path / "cut.csv"), bp.callbacks.checkpoint(tmp_path / "kept", 3)
    with pytest.raises(Stop):
        fit(trainer(logger, keeper, StopAfter(3)), 5)
    (tmp_path / "cut.csv").write_text("epoch\n9\n")  # what a killed process has left
    (file, *_) = sorted((tmp_path / "kept").glob("*.safetensors"), reverse=True)
    again = trainer(logger, keeper, StopAfter(99))
    again.restore(file)
    fit(again, 5)
    assert kept(tmp_path / "cut.csv") == kept(tmp_path / "whole.csv")


def test_a_csv_file_that_cannot_be_written_is_told_before_the_first_step(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    made = trainer(bp.callbacks.csv_logger(tmp_path / "folder"), StopAfter(0))
    with pytest.raises(CheckpointError, match="csv_logger needs a file to write to"):
        fit(made)
    assert [file.name for file in tmp_path.iterdir()] == ["folder"]


# ------------------------------------------------------------------------------------------- TensorBoard and MLflow


@pytest.mark.parametrize(
    ("name", "library", "arguments"),
    [("tensorboard", "tensorboardX", {"folder": "events"}), ("mlflow", "mlflow.entities", {})],
)
def test_a_library_that_is_missing_is_told_before_the_first_step(
    name: str, library: str, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    made = trainer({"name": name, **arguments}, StopAfter(0))
    with pytest.raises(ConfigError, match=rf'{name} needs a library .* pip install "bpframe\[{name}\]"'):
        fit(made)


def expected(history: Any, name: str) -> list[list[float]]:
    return [[i + 1, value] for i, value in enumerate(history[name]) if not math.isnan(value)]


@pytest.mark.slow
def test_tensorboard_reads_every_curve_and_only_the_last_fit_of_a_folder(tmp_path: Path) -> None:
    fit(trainer(bp.callbacks.tensorboard(tmp_path / "events")), 6)
    made = trainer(bp.callbacks.tensorboard(tmp_path / "events"))
    fit(made, 2)
    history = fit(made, 2, validation=(X[:20], Y[:20]))
    curves, texts = read(READ_TENSORBOARD, tmp_path / "events")
    for name in ("train.loss", "validation.loss", "train.accuracy", "validation.accuracy"):
        part, _, last = name.partition(".")
        found = curves[f"{last}/{part}"]
        wanted = expected(history, name)
        assert [step for step, _ in found] == [step for step, _ in wanted]
        assert [value for _, value in found] == pytest.approx([value for _, value in wanted], rel=1e-6)
    assert [step for step, _ in curves["lr"]] == [1, 2, 3, 4]
    assert "softmax_cross_entropy" in texts[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the database library that MLflow brings along
def test_mlflow_reads_every_curve_of_a_fit_that_was_resumed_once(tmp_path: Path) -> None:
    store, keeper = tmp_path / "new/mlflow.db", bp.callbacks.checkpoint(tmp_path / "kept", 2)
    logger = bp.callbacks.mlflow(store, "trees", run="first")
    with pytest.raises(Stop):
        fit(trainer(logger, keeper, StopAfter(3)), 5)
    ((name, status, *_),) = read(READ_MLFLOW, store)
    assert (name, status) == ("first", "FAILED")
    (file, *_) = sorted((tmp_path / "kept").glob("*.safetensors"))  # of an epoch that the store has already
    again = trainer(logger, keeper, StopAfter(99))
    again.restore(file)
    history = fit(again, 5)
    ((name, status, parameters, note, curves),) = read(READ_MLFLOW, store)
    assert (name, status, parameters["seed"]) == ("first", "FINISHED", "0")
    assert "softmax_cross_entropy" in note
    for curve in ("train.loss", "train.accuracy", "lr"):
        assert curves[curve] == expected(history, curve)
