"""Weights in a config: the column that holds those of rows, and what weighted losses are divided by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import bpframe as bp
from bpframe.cli import main
from bpframe.errors import ConfigError, DataError, ShapeError
from bpframe.runs import config
from bpframe.runs.lock import lock

TEXT = '[data]\nsource = "rows.npz"\n[model]\nlayers = [{{name = "dense", units = 3}}]\n[train]\nbatch_size = 1\n{}'
LOSS = '[loss]\nname = "softmax_cross_entropy"\n'
RNG = np.random.default_rng(2)
X, COUNT = RNG.normal(size=(40, 2)), RNG.integers(0, 4, 40)
Y = X @ [1.0, -2.0] + RNG.normal(size=40)
TABLE = """
loss = "mse"
[data]
source = "rows.csv"
target = "y"
weight = "count"
standardize = true
{}
[[model.layers]]
name = "dense"
units = 1
[train]
epochs = 3
dtype = "float64"
"""


def write_rows(path: Path, rows: Any, weights: bool = True) -> None:
    """A CSV file of these rows, the weights in the middle."""
    head = ["a", *(["count"] if weights else []), "b", "y"]
    lines = [[X[i, 0], *([COUNT[i]] if weights else []), X[i, 1], Y[i]] for i in rows]
    path.write_text("\n".join([",".join(head), *(",".join(map(repr, map(float, line))) for line in lines)]))


def test_a_config_sets_the_formula_and_keeps_it(tmp_path):
    np.savez(tmp_path / "rows.npz", x=np.eye(3), y=np.arange(3))
    for line, on in (("weights_by_batch = true\n", True), ("", False)):
        (tmp_path / "run.toml").write_text(TEXT.format(line) + LOSS)
        run = config.load(tmp_path / "run.toml")
        assert run.trainer().weights_by_batch is on
        assert ("weights_by_batch" in run.text()) is on
        (tmp_path / "again.toml").write_text(run.text())
        assert config.load(tmp_path / "again.toml").text() == run.text()
        assert lock.lock_tables(run)["settings"]["train.weights_by_batch"] is on
    (tmp_path / "run.toml").write_text(TEXT.format('weights_by_batch = "yes"\n') + LOSS)
    with pytest.raises(ConfigError, match=r"run.toml:\d+: train.weights_by_batch"):
        config.load(tmp_path / "run.toml")


def test_a_run_weighs_its_rows_by_a_column_in_training_validation_and_test(tmp_path):
    write_rows(tmp_path / "rows.csv", range(30))
    write_rows(tmp_path / "later.csv", range(30, 40))
    parts = 'validation = { fraction = 0.2, kind = "tail" }\ntest = { source = "later.csv" }'
    (tmp_path / "run.toml").write_text(TABLE.format(parts))
    result = CliRunner().invoke(
        main, ["train", str(tmp_path / "run.toml"), "--quiet", "--runs", str(tmp_path / "runs")]
    )
    assert result.exit_code == 0, result.output
    run = config.load(tmp_path / "run.toml")
    trainer = run.trainer()
    validation = X[24:30], Y[24:30], COUNT[24:30]
    trainer.fit(X[:24], Y[:24], epochs=3, sample_weight=COUNT[:24], validation=validation, verbose=0)
    folder = tmp_path / "runs" / "run"
    last = json.loads((folder / "history.jsonl").read_text().splitlines()[-1])
    assert last["train"]["loss"] == trainer.history.train["loss"][-1]
    assert last["validation"]["mae"] == trainer.history.validation["mae"][-1]
    tested = json.loads(next(folder.glob("test*.json")).read_text())
    assert tested["loss"] == pytest.approx(trainer.evaluate(X[30:], Y[30:], COUNT[30:])["loss"], rel=1e-12)
    assert lock.lock_tables(run)["settings"]["data.weight"] == "count"
    (tmp_path / "again.toml").write_text(run.text())
    assert config.load(tmp_path / "again.toml").text() == run.text()
    for file, weight in (("later.csv", COUNT[30:]), ("plain.csv", None)):
        write_rows(tmp_path / "plain.csv", range(30, 40), weights=False)
        result = CliRunner().invoke(main, ["evaluate", str(folder), str(tmp_path / file), "--json"])
        wanted = trainer.evaluate(X[30:], Y[30:], weight)["loss"]
        assert json.loads(result.stdout)["loss"] == pytest.approx(wanted, rel=1e-12)
        result = CliRunner().invoke(main, ["predict", str(folder), str(tmp_path / file)])
        assert result.exit_code == 0, result.output
    assert isinstance(bp.Trainer.load(folder / "model.safetensors"), bp.Trainer)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ('weight = "counts"', DataError, "needs a column of weights 'counts', got .* Did you mean 'count'"),
        ('weight = "y"', ConfigError, "weight and target need to be different columns, got 'y' for both"),
        ('weight = "count"\ncolumns = ["a", "count"]', ConfigError, "got 'count', which another setting names"),
        ('weight = "b"', DataError, "sample_weight needs numbers of at least 0"),
    ],
)
def test_a_column_that_holds_no_weights_is_refused(tmp_path, data, error, message):
    write_rows(tmp_path / "rows.csv", range(30))
    (tmp_path / "run.toml").write_text(TABLE.replace('weight = "count"', data).format(""))
    with pytest.raises(error, match=message):
        config.load(tmp_path / "run.toml").data()


def test_arrays_have_weights_of_rows_or_of_positions_by_their_name(tmp_path):
    text = '[data]\nsource = "rows.npz"\nweight = "counts"\n[model]\nlayers = [{name = "dense", units = 3}]\n[train]\n'
    (tmp_path / "run.toml").write_text(f"{LOSS}{text}epochs = 2\nseed = 3")
    x, y = RNG.normal(size=(12, 5, 2)), RNG.integers(0, 3, (12, 5))
    for counts in (np.arange(12.0), (np.arange(5) < RNG.integers(1, 5, (12, 1))).astype(float)):
        np.savez(tmp_path / "rows.npz", x=x, y=y, counts=counts)
        run = config.load(tmp_path / "run.toml")
        trainer, twin = run.trainer(), bp.Trainer(bp.Network([bp.layers.dense(3)]), "softmax_cross_entropy", seed=3)
        x, y, weight = run.data().train
        trainer.fit(x, y, sample_weight=weight, epochs=2)
        twin.fit(x, y, sample_weight=counts, epochs=2)
        unweighted = bp.Trainer(bp.Network([bp.layers.dense(3)]), "softmax_cross_entropy", seed=3)
        unweighted.fit(x, y, epochs=2)
        assert not np.array_equal(trainer.scores(x), unweighted.scores(x))
        assert np.array_equal(trainer.scores(x), twin.scores(x))


def test_weights_that_no_source_has_are_refused(tmp_path):
    np.savez(tmp_path / "rows.npz", x=X, y=Y)
    text = TABLE.format("").replace('target = "y"', "")
    (tmp_path / "run.toml").write_text(text.replace("rows.csv", "rows.npz"))
    with pytest.raises(DataError, match=r"needs arrays named 'count', got \['x', 'y'\]"):
        config.load(tmp_path / "run.toml").data()
    (tmp_path / "run.toml").write_text(text.replace("rows.csv", "moons"))
    with pytest.raises(ConfigError, match="weight needs a table, whose columns have names, got 'count'"):
        config.load(tmp_path / "run.toml")
    np.savez(tmp_path / "rows.npz", x=X, y=Y, count=COUNT[1:])
    (tmp_path / "run.toml").write_text(text.replace("rows.csv", "rows.npz"))
    with pytest.raises(ShapeError, match="needs a row of count for each row of x, got shapes"):
        config.load(tmp_path / "run.toml").data()
