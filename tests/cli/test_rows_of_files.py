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
