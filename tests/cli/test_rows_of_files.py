"""`bpframe predict` to the screen with ids, and `bpframe evaluate` on another file."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.commands import SMALL, bad, bpframe, good

pytestmark = pytest.mark.usefixtures("folder")

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"key": [f"0{i}" for i in range(60)], **dict(zip("ab", RNG.normal(size=(2, 60)), strict=True))})
FRAME["answer"] = np.where(FRAME["a"] > FRAME["b"], "yes", "no")


@pytest.fixture
def trained(folder: Path) -> Path:
    """A run on train.csv, beside files of other rows."""
    FRAME.iloc[:40].to_csv(folder / "train.csv", index=False)
    FRAME.iloc[40:].to_csv(folder / "new.csv", index=False)
    settings = ["data.source=train.csv", "data.target=answer", "data.id=key", "optimizer.lr=0.5", "train.epochs=40"]
    good("train", "small.toml", "--quiet", *(part for setting in settings for part in ("--set", setting)))
    return folder


def printed(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_predictions_are_printed_where_no_file_is_named(trained: Path) -> None:
    text = good("predict", "runs/small", "new.csv")
    good("predict", "runs/small", "new.csv", "-o", "out.csv")
    assert (trained / "out.csv").read_text() == text
    rows = printed(text)
    assert list(rows[0]) == ["key", "label", "probability_no", "probability_yes"]
    assert [row["key"] for row in rows] == [f"0{i}" for i in range(40, 60)]
    assert np.mean([row["label"] for row in rows] == FRAME["answer"][40:]) > 0.9


def test_any_column_may_name_the_rows(trained: Path) -> None:
    FRAME.iloc[40:].drop(columns=["key", "answer"]).assign(code="x,y").to_csv("new.csv", index=False)
    result = bpframe("predict", "runs/small", "new.csv")
    assert list(printed(result.stdout)[0]) == ["label", "probability_no", "probability_yes"]
    assert result.stderr == "left out: the columns 'code', which the model was not trained on\n"
    rows = printed(bpframe("predict", "runs/small", "new.csv", "--id", "code").stdout)
    assert [row["code"] for row in rows] == ["x,y"] * 20
    rows = printed(bpframe("predict", "runs/small", "new.csv", "--id", "a").stdout)
    np.testing.assert_array_equal([float(row["a"]) for row in rows], FRAME["a"][40:])
    assert "new.csv' needs an id column 'cod', got" in bad(3, "predict", "runs/small", "new.csv", "--id", "cod")


def test_columns_go_by_name_whatever_their_order_and_what_is_beside_them(trained: Path) -> None:
    expected = good("predict", "runs/small", "new.csv")
    FRAME.iloc[40:][["b", "key", "a"]].assign(when="today").to_csv("other.csv", index=False)
    assert bpframe("predict", "runs/small", "other.csv").stdout == expected
    FRAME.iloc[40:].rename(columns={"b": "B"}).to_csv("other.csv", index=False)
    assert "other.csv' needs an input column 'b', got the columns 'key', 'a', 'B', 'answer'" in bad(
        3, "predict", "runs/small", "other.csv"
    )


def test_rows_in_other_formats_give_the_same_predictions(trained: Path) -> None:
    expected = good("predict", "runs/small", "new.csv")
    frame = FRAME.iloc[40:].reset_index(drop=True)
    frame.to_parquet("new.parquet")
    frame.to_feather("new.feather")
    frame.to_csv("new.tsv", sep="\t", index=False)
    frame.to_csv("new.csv.gz", index=False)
    for name in ("new.parquet", "new.feather", "new.tsv", "new.csv.gz"):
        assert good("predict", "runs/small", name) == expected


def test_files_like_that_of_the_config_are_read_with_its_settings(folder: Path) -> None:
    FRAME.iloc[:40].to_csv(folder / "train.dat", index=False, sep="#", decimal=",")
    FRAME.iloc[40:].to_csv(folder / "new.dat", index=False, sep="#", decimal=",")
    FRAME.iloc[40:].to_csv(folder / "new.csv.gz", index=False, sep="#", decimal=",")
    FRAME.iloc[40:].to_parquet(folder / "new.parquet", index=False)
    source = '{ path = "train.dat", name = "csv", separator = "#", decimal = "," }'
    settings = [f"data.source={source}", "data.target=answer", "data.id=key", "train.epochs=1"]
    good("train", "small.toml", "--quiet", *(part for setting in settings for part in ("--set", setting)))
    expected = good("predict", "runs/small", "new.dat")
    assert good("predict", "runs/small", "new.csv.gz") == expected
    assert good("predict", "runs/small", "new.parquet") == expected
    assert good("evaluate", "runs/small", "new.dat").endswith("(20 rows)\n")


def test_ids_go_into_tables_alone(trained: Path) -> None:
    assert "needs a table to write to" in bad(2, "predict", "runs/small", "new.csv", "--id", "key", "-o", "out.npy")
    np.save("x.npy", FRAME[["a", "b"]].to_numpy())
    assert "needs columns with names to choose from" in bad(3, "predict", "runs/small", "x.npy", "--id", "key")
    assert list(printed(good("predict", "runs/small", "x.npy"))[0]) == ["label", "probability_no", "probability_yes"]


def test_a_model_is_measured_on_another_file(trained: Path) -> None:
    measured = json.loads(good("evaluate", "runs/small", "new.csv", "--json"))
    assert (measured["part"], measured["rows"]) == ("file", 20)
    labels = [row["label"] for row in printed(good("predict", "runs/small", "new.csv"))]
    assert measured["accuracy"] == np.mean(labels == FRAME["answer"][40:])
    line = good("evaluate", "runs/small", "new.csv")
    assert line == f"file loss {measured['loss']:.4f}, file accuracy {measured['accuracy']:.4f} (20 rows)\n"


def test_the_target_may_have_another_name_there(trained: Path) -> None:
    expected = good("evaluate", "runs/small", "new.csv")
    FRAME.iloc[40:].rename(columns={"answer": "truth"}).to_csv("other.csv", index=False)
    result = bpframe("evaluate", "runs/small", "other.csv", "--target", "truth")
    assert (result.exit_code, result.stdout) == (0, expected)
    assert "needs a target column 'answer'" in bad(3, "evaluate", "runs/small", "other.csv")
    assert "needs a FILE" in bad(2, "evaluate", "runs/small", "--target", "truth")


def test_labels_that_look_like_numbers_are_text_to_a_model_of_text(folder: Path) -> None:
    frame = FRAME.assign(answer=np.where(FRAME["a"] > FRAME["b"], "7", "n/a"))
    frame.to_csv("train.csv", index=False)
    frame[frame["answer"] == "7"].to_csv("new.csv", index=False)
    settings = ["data.source=train.csv", "data.target=answer", "data.id=key", "optimizer.lr=0.5", "train.epochs=40"]
    good("train", "small.toml", "--quiet", *(part for setting in settings for part in ("--set", setting)))
    assert json.loads(good("evaluate", "runs/small", "new.csv", "--json"))["accuracy"] > 0.9


def test_a_model_of_arrays_is_measured_on_arrays_and_on_tables(folder: Path) -> None:
    (folder / "small.toml").write_text(SMALL)
    good("train", "small.toml", "--quiet")
    x, y = FRAME[["a", "b"]].to_numpy(), (FRAME["answer"] == "yes").to_numpy(dtype=int)
    np.savez("new.npz", x=x, y=y)
    FRAME[["a", "b"]].assign(label=y).to_csv("new.csv", index=False)
    expected = good("evaluate", "runs/small", "new.npz")
    assert good("evaluate", "runs/small", "new.csv", "--target", "label") == expected
    assert "needs the name of its target column" in bad(3, "evaluate", "runs/small", "new.csv")


TABLE = 'a,b,t\n1,2,0\n\n3,{},1\n"4\n",5,1\n1,2,{}\n3,4,1\n'
LINES = {  # by suffix: a file whose second row, on the line of that number, holds what is given for {}
    ".csv": ("a,b,t\n1,2,0\n\n3,{},1\n3,4,1\n", 4),
    ".tsv": ("a\tb\tt\n1\t2\t0\n3\t{}\t1\n3\t4\t1\n", 3),
    ".arff": (
        "@relation r\n@attribute a real\n@attribute b real\n@attribute t real\n@data\n1,2,0\n%\n3,{},1\n1,1,1\n",
        8,
    ),
    ".svm": ("0 1:1 2:2\n# none\n1 1:3 2:{}\n1 1:1\n", 3),
}


@pytest.mark.parametrize("suffix", LINES)
def test_a_number_that_no_network_takes_is_named_by_its_line(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    text, line = LINES[suffix]
    for name, cell in (("good", "4"), ("bad", "inf"), ("large", "1e300")):
        Path(name + suffix).write_text(text.format(cell))
    target = "" if suffix == ".svm" else 'data.target = "t"\n'
    layer = '[[model.layers]]\nname = "dense"\nunits = 1\n'
    Path("c.toml").write_text(f'loss = "mse"\ntrain.epochs = 1\ndata.source = "good{suffix}"\n{target}{layer}')
    good("train", "c.toml", "--quiet")
    for command in (["train", "c.toml", "--set", "data.source=bad" + suffix], ["predict", "runs/c", "bad" + suffix]):
        assert f"bad{suffix}, line {line}: x needs finite numbers, got inf at row 1" in bad(3, *command)
    told = bad(3, "evaluate", "runs/c", "large" + suffix)
    assert f"large{suffix}, line {line}: x needs numbers of at most 1.8e+19 in float32" in told


def test_a_target_that_no_network_takes_is_named_by_its_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("good.csv").write_text(TABLE.format(1, 1))
    Path("bad.csv").write_text(TABLE.format(1, "inf"))
    layer = '[[model.layers]]\nname = "dense"\nunits = 1\n'
    Path("c.toml").write_text(f'loss = "mse"\ntrain.epochs = 1\ndata.source = "good.csv"\ndata.target = "t"\n{layer}')
    good("train", "c.toml", "--quiet")
    for command in (["train", "c.toml", "--set", "data.source=bad.csv"], ["evaluate", "runs/c", "bad.csv"]):
        assert "bad.csv, line 7: y needs finite numbers, got inf at row 3" in bad(3, *command)
