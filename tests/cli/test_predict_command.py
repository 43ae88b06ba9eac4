"""`bpframe evaluate` and `bpframe predict` use the model of a run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from bpframe import datasets
from tests.cli.commands import SMALL, bad, good, write_rows

pytestmark = pytest.mark.usefixtures("folder")


def test_evaluate_repeats_the_test_of_the_run(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    measured = json.loads(good("evaluate", "runs/small", "--json"))
    assert measured == {"part": "test", **json.loads((folder / "runs/small/test.json").read_text())}
    told = f"test loss {measured['loss']:.4f}, test accuracy {measured['accuracy']:.4f} (15 rows)\n"
    assert good("evaluate", "runs/small") == told


def test_evaluate_of_a_model_that_is_not_finite_shows_it_and_fails(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    trainer = bp.Trainer.load(folder / "runs/small/model.safetensors")
    trainer.parameters.replace({name: np.full_like(v, 3e38) for name, v in trainer.parameters.copy().items()})
    trainer.save(folder / "runs/small/model.safetensors")
    told = bad(4, "evaluate", "runs/small")
    assert "The model's test loss is nan" in told


@pytest.mark.parametrize(
    ("left", "part", "rows"), [("validation = { fraction = 0.2 }", "validation", 12), ("", "train", 60)]
)
def test_evaluate_says_which_part_it_took(folder: Path, left: str, part: str, rows: int) -> None:
    text = re.sub(r"validation = .*\ntest = .*", left, SMALL)
    (folder / "small.toml").write_text(text)
    good("train", "small.toml", "--quiet")
    measured = json.loads(good("evaluate", "runs/small", "--json"))
    assert (measured["part"], measured["rows"]) == (part, rows)


def table(path: Path) -> tuple[list[str], list[list[str]]]:
    header, *rows = [line.split(",") for line in path.read_text().splitlines()]
    return header, rows


def test_predictions_for_classes_are_labels_and_a_probability_for_each_class(folder: Path) -> None:
    x, _ = datasets.moons(points=8, seed=5)
    np.save(folder / "x.npy", x)
    good("train", "small.toml", "--quiet")
    assert good("predict", "runs/small", "x.npy", "-o", "out.csv") == "8 rows, out.csv\n"
    good("predict", "runs/small", "x.npy", "-o", "out.npy")
    trainer = bp.Trainer.load(folder / "runs/small/model.safetensors")
    header, rows = table(folder / "out.csv")
    assert header == ["label", "probability_0", "probability_1"]
    assert [int(row[0]) for row in rows] == trainer.predict_labels(x).tolist()
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], dtype=np.float32), trainer.predict(x))
    np.testing.assert_array_equal(np.load(folder / "out.npy"), trainer.predict(x))


def test_two_classes_from_one_output_have_two_probabilities(folder: Path) -> None:
    options = ["--set", "loss=sigmoid_cross_entropy", "--set", "model.layers.0.units=1", "--quiet"]
    good("train", "small.toml", *options)
    np.save(folder / "x.npy", datasets.moons(points=8)[0])
    good("predict", "runs/small", "x.npy", "-o", "out.csv")
    header, rows = table(folder / "out.csv")
    assert header == ["label", "probability_0", "probability_1"]
    for label, *probabilities in rows:
        assert float(probabilities[0]) + float(probabilities[1]) == pytest.approx(1, abs=1e-6)
        assert int(label) == np.argmax([float(p) for p in probabilities])


def test_a_table_with_text_labels_is_predicted_with_and_without_its_target_column(folder: Path) -> None:
    rows = [f"{a},{b},{'yes' if a > b else 'no'}" for a, b in np.random.default_rng(0).normal(size=(40, 2))]
    (folder / "rows.csv").write_text("\n".join(["a,b,answer", *rows]))
    (folder / "new.csv").write_text("\n".join(["a,b", *(row.rsplit(",", 1)[0] for row in rows)]))
    source = ["--set", "data.source=rows.csv", "--set", "data.target=answer", "--set", "optimizer.lr=0.5"]
    good("train", "small.toml", *source, "--epochs", "40", "--quiet")
    for name in ("rows", "new"):
        good("predict", "runs/small", f"{name}.csv", "-o", f"{name}-out.csv")
    header, predicted = table(folder / "rows-out.csv")
    assert header == ["label", "probability_no", "probability_yes"]
    assert np.mean([row[0] == line.rsplit(",", 1)[1] for row, line in zip(predicted, rows, strict=True)]) > 0.9
    assert (folder / "new-out.csv").read_text() == (folder / "rows-out.csv").read_text()


def test_predictions_of_quantities_have_a_column_for_each_output(folder: Path) -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    write_rows(folder, x, x @ np.ones((2, 2)))
    np.save(folder / "x.npy", x)
    options = ["--set", "loss=mse", "--set", "data.source=rows.npz", "--set", "data.test.kind=random", "--quiet"]
    assert re.match(r"test loss .*, test r2 .*, test mae ", good("train", "small.toml", *options))
    good("predict", "runs/small", "x.npy", "-o", "out.csv")
    header, rows = table(folder / "out.csv")
    assert header == ["prediction_0", "prediction_1"]
    trainer = bp.Trainer.load(folder / "runs/small/model.safetensors")
    np.testing.assert_array_equal(np.array(rows, dtype=np.float32), trainer.predict(x))


def test_predict_replaces_a_file_only_if_told_to(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    np.save(folder / "x.npy", datasets.moons(points=8)[0])
    (folder / "out.csv").write_text("precious")
    assert "'out.csv' exists." in bad(2, "predict", "runs/small", "x.npy", "-o", "out.csv")
    assert (folder / "out.csv").read_text() == "precious"
    good("predict", "runs/small", "x.npy", "-o", "out.csv", "--force")
    assert len(table(folder / "out.csv")[1]) == 8


@pytest.mark.parametrize(
    ("rows", "out", "exit_code", "told"),
    [
        ("x.npy", "out.txt", 2, "needs a file that ends in .csv or .npy, got 'out.txt'."),
        ("x.npy", "nowhere/out.csv", 2, "'nowhere' is not a folder."),
        ("y.npy", "out.csv", 3, "read needs an existing file, got 'y.npy'"),
        ("wide.npy", "out.csv", 3, "x needs rows of shape (2,), as in the first fit, got (3,)."),
    ],
)
def test_predictions_that_cannot_be_made_leave_no_file(
    folder: Path, rows: str, out: str, exit_code: int, told: str
) -> None:
    good("train", "small.toml", "--quiet")
    np.save(folder / "x.npy", np.ones((3, 2)))
    np.save(folder / "wide.npy", np.ones((3, 3)))
    before = {file.name for file in folder.iterdir()}
    assert told in bad(exit_code, "predict", "runs/small", rows, "-o", out)
    assert {file.name for file in folder.iterdir()} == before
