"""Targets in files, of which some cells are empty, for losses that leave them out; and several columns of a target."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import bpframe as bp
from bpframe.cli import main
from bpframe.errors import DataError

RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 2))
KIND = [None if i % 5 == 0 else "up" if a > 0 else "down" for i, a in enumerate(X[:, 0])]
SIZE = np.where(np.arange(60) % 7 == 0, np.nan, X @ [1.0, 2.0])
RANK = [None if i % 6 == 0 else int(a > 0) + int(b > 0) for i, (a, b) in enumerate(X)]
SHAPE = {"kind": 2, "size": 1, "rank": 3}
INNER = {"kind": "softmax_cross_entropy", "size": "mse", "rank": "softmax_cross_entropy"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with the rows in rows.csv."""
    monkeypatch.chdir(tmp_path)
    write("rows.csv", ",", ".")
    return tmp_path


def write(path: str, separator: str, decimal: str) -> None:
    def cell(value: Any) -> str:
        absent = value is None or value != value
        return "" if absent else repr(float(value)).replace(".", decimal) if isinstance(value, float) else str(value)

    rows = [["a", "b", "kind", "size", "rank"], *map(list, zip(*X.T.tolist(), KIND, SIZE.tolist(), RANK, strict=True))]
    with open(path, "w", newline="") as file:
        csv.writer(file, delimiter=separator).writerows([cell(v) for v in row] for row in rows)


def config(target: Any, loss: str, units: int, source: str = "rows.csv", more: str = "") -> str:
    return f"""
loss = {loss}
optimizer = {{ name = "adam", lr = 0.02 }}
[data]
source = "{source}"
target = {json.dumps(target)}
columns = ["a", "b"]
{more}
[train]
epochs = 3
[[model.layers]]
name = "dense"
units = {units}
"""


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def trained(text: str, name: str = "run") -> bp.Trainer:
    Path("config.toml").write_text(text)
    run("train", "config.toml", "--name", name)
    return bp.Trainer.load(Path("runs") / name / "model.safetensors")


def same_as(made: bp.Trainer, loss: Any, units: int, y: Any) -> None:
    """The same training in Python ends in the same bits."""
    own = bp.Trainer(bp.Network([bp.layers.dense(units)]), loss, {"name": "adam", "lr": 0.02})
    own.fit(X, y, epochs=3, verbose=0)
    for name, value in own.parameters.copy().items():
        np.testing.assert_array_equal(made.parameters[name], value)


@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ",")])
@pytest.mark.parametrize(("target", "y"), [("kind", KIND), ("size", SIZE), ("rank", RANK)])
def test_empty_cells_of_a_target_are_missing_values(folder, target, y, separator, decimal):
    write("rows.csv", separator, decimal)
    made = trained(config(target, f'{{ name = "masked", inner = "{INNER[target]}" }}', SHAPE[target]))
    values = np.array(y, dtype=None if target == "size" else object)
    same_as(made, bp.losses.masked(INNER[target]), SHAPE[target], values)
    measured = json.loads(run("evaluate", "runs/run", "rows.csv", "--json"))
    assert measured["loss"] == pytest.approx(made.evaluate(X, values)["loss"], rel=1e-6)
    predicted = run("predict", "runs/run", "rows.csv").splitlines()
    assert len(predicted) == 61
    assert target == "size" or {line.split(",")[0] for line in predicted[1:]} <= {str(v) for v in y if v is not None}


def test_parts_apart_have_gaps_of_their_own_and_a_run_goes_on(folder):
    parts = 'validation = { source = "rows.csv" }\ntest = { fraction = 0.2 }'
    trained(config("kind", '{ name = "masked", inner = "softmax_cross_entropy" }', 2, more=parts))
    run("train", "config.toml", "--name", "run", "--resume", "auto")
    assert "by one column alone: 'a'" in run("explain", "config.toml", "--data")
    assert run("trace", "runs/run", "--row", "3")


@pytest.mark.parametrize("loss", ['"mse"', '"huber"'])
def test_another_loss_has_the_error_that_names_the_line(folder, loss):
    Path("config.toml").write_text(config("size", loss, 1))
    result = CliRunner().invoke(main, ["train", "config.toml"])
    assert result.exit_code == 3, result.output
    assert "'rows.csv', line 2, column 'size' needs a value, got ''. Fill it in or drop the row." in result.output


def test_an_input_has_no_gaps_whatever_the_loss(folder):
    Path("config.toml").write_text(config("kind", '{ name = "masked", inner = "softmax_cross_entropy" }', 2))
    Path("config.toml").write_text(Path("config.toml").read_text().replace('["a", "b"]', '["a", "size"]'))
    result = CliRunner().invoke(main, ["train", "config.toml"])
    assert "line 2, column 'size' needs a number, got ''" in result.output


LABELS = '{ name = "masked", inner = "softmax_cross_entropy" }'
HEADS = f'{{ name = "heads", widths = [2, 1], names = ["kind", "size"], losses = [{LABELS}, LAST] }}'


def test_heads_take_columns_by_their_names_each_with_its_gaps(folder):
    made = trained(config(["size", "kind"], HEADS.replace("LAST", '{ name = "masked", inner = "mse" }'), 3))
    inner = [bp.losses.masked("softmax_cross_entropy"), bp.losses.masked("mse")]
    loss = bp.losses.heads(inner, widths=[2, 1], names=["kind", "size"])
    same_as(made, loss, 3, {"kind": np.array(KIND, dtype=object), "size": SIZE})
    assert "label_kind" in run("predict", "runs/run", "rows.csv").splitlines()[0]
    assert "The data" in run("explain", "config.toml", "--data")


def test_a_head_that_takes_no_gaps_names_the_line(folder):
    Path("config.toml").write_text(config(["kind", "size"], HEADS.replace("LAST", '"mse"'), 3))
    result = CliRunner().invoke(main, ["train", "config.toml"])
    assert "line 2, column 'size' needs a value" in result.output


def test_several_columns_are_several_outputs(folder):
    made = trained(config(["size", "rank"], '{ name = "masked", inner = "mse" }', 2))
    y = np.column_stack([SIZE, np.array(RANK, dtype=float)])
    same_as(made, bp.losses.masked("mse"), 2, y)
    measured = json.loads(run("evaluate", "runs/run", "rows.csv", "--json"))
    assert measured["loss"] == pytest.approx(made.evaluate(X, y)["loss"], rel=1e-6)
    rows = zip(*X.T.tolist(), X[:, 0] ** 2, range(60), strict=True)
    Path("plain.csv").write_text("\n".join(["a,b,square,number", *(",".join(map(str, row)) for row in rows)]))
    plain = trained(config(["number", "square"], '"mse"', 2, source="plain.csv"), "plain")
    same_as(plain, "mse", 2, np.column_stack([np.arange(60), X[:, 0] ** 2]))
    assert plain.task.learned["target_columns"] == ["number", "square"]


def test_text_among_several_columns_needs_a_head_of_that_name(folder):
    Path("config.toml").write_text(config(["size", "kind"], '{ name = "masked", inner = "mse" }', 2))
    result = CliRunner().invoke(main, ["train", "config.toml"])
    assert "y needs numbers in each of its columns, got object" in result.output
    assert "in 'kind'. Encode it, or give a head that name." in result.output


def test_programs_read_gaps_where_they_ask_for_them(folder):
    with pytest.raises(DataError, match="line 2, column 'kind' needs a value"):
        bp.datasets.read_table("rows.csv", "kind", columns=["a", "b"])
    x, kind = bp.datasets.read_table("rows.csv", "kind", columns=["a", "b"], gaps=True)
    assert kind is not None
    assert (x.columns, kind.tolist()) == (("a", "b"), KIND)
    Path("two.csv").write_text("a,y\n1,2\n2,\n3,4.5\n")
    np.testing.assert_array_equal(bp.datasets.read("two.csv", "y", gaps=True)[1], [2, np.nan, 4.5])
    Path("all.csv").write_text("a,y\n1,\n2,\n")
    assert np.isnan(bp.datasets.read("all.csv", "y", gaps=True)[1]).all()
