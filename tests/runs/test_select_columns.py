"""Columns of a file that a config selects by name: a run, its predictions, and rows in another order."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

import bpframe as bp
from bpframe.cli import main

CONFIG = """
loss = "softmax_cross_entropy"
[data]
source = "rows.csv"
target = "y"
[train]
epochs = 3
[[model.layers]]
name = "parallel"
[[model.layers.branches]]
name = "sequential"
layers = [{ name = "select", columns = ["b", "a"] }, "standardize", { name = "dense", units = 3 }]
[[model.layers.branches]]
name = "sequential"
layers = [
  { name = "select", columns = ["kind"] },
  { name = "embedding", num_embeddings = 3, embedding_dim = 2 },
  "flatten",
]
[[model.layers]]
name = "dense"
units = 2
"""


def write(path, names, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([names, *rows])


SURVIVAL = """
loss = "cox"
metrics = ["concordance"]
[data]
source = "rows.csv"
target = ["time", "seen"]
test = { fraction = 0.25 }
[train]
epochs = 3
[[model.layers]]
name = "dense"
units = 1
"""


def test_a_config_names_the_columns_of_several_fields(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x, time, seen = rng.normal(size=(60, 2)), rng.exponential(size=60), rng.integers(0, 2, 60)
    write("rows.csv", ["a", "b", "time", "seen"], np.column_stack([x, time, seen]).tolist())
    write("new.csv", ["b", "a"], x[:5, ::-1].tolist())
    (tmp_path / "config.toml").write_text(SURVIVAL.replace('"seen"]', '"event"]'))
    runner = CliRunner()
    refused = runner.invoke(main, ["train", "config.toml", "--name", "run"])
    assert "needs a target column 'event', got the columns 'a', 'b', 'time', 'seen'" in refused.output
    write("rows.csv", ["a", "b", "time", "event"], np.column_stack([x, time, seen]).tolist())
    trained = runner.invoke(main, ["train", "config.toml", "--name", "run"])
    assert trained.exit_code == 0, trained.output
    measured = runner.invoke(main, ["evaluate", "runs/run", "rows.csv", "--json"])
    assert measured.exit_code == 0, measured.output
    trainer = bp.Trainer.load(tmp_path / "runs" / "run" / "model.safetensors")
    wanted = trainer.evaluate(x, {"time": time, "event": seen})
    assert json.loads(measured.output)["loss"] == pytest.approx(wanted["loss"], rel=1e-6)
    predicted = runner.invoke(main, ["predict", "runs/run", "new.csv", "-o", "p.npy"])
    assert predicted.exit_code == 0, predicted.output
    np.testing.assert_allclose(np.load("p.npy"), trainer.predict(x[:5]), rtol=1e-6)


def test_a_config_selects_columns_by_name_and_predicts_from_any_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    a, b, kind = rng.normal(size=60), rng.normal(size=60), rng.integers(0, 3, 60)
    write("rows.csv", ["a", "kind", "b", "y"], zip(a, kind, b, (a > b).astype(int), strict=True))
    write("new.csv", ["kind", "b", "a"], list(zip(kind, b, a, strict=True))[:5])
    (tmp_path / "config.toml").write_text(CONFIG)
    runner = CliRunner()
    trained = runner.invoke(main, ["train", "config.toml", "--name", "run"])
    assert trained.exit_code == 0, trained.output
    predicted = runner.invoke(main, ["predict", "runs/run", "new.csv", "-o", "p.npy"])
    assert predicted.exit_code == 0, predicted.output
    trainer = bp.Trainer.load(tmp_path / "runs" / "run" / "model.safetensors")
    wanted = trainer.predict({"a": a[:5], "b": b[:5], "kind": kind[:5]})
    np.testing.assert_array_equal(np.load("p.npy"), wanted)
    assert json.dumps(trainer.task.columns) == '["a", "kind", "b"]'
