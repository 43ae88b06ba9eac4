"""`bpframe init` writes a config that trains as it is, or an example, and overwrites nothing."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.commands import bad, good

pytestmark = pytest.mark.usefixtures("folder")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
SIDES = np.where(X[:, 0] > 0, "left", "right")


def write_csv(path: Path, header: Sequence[str], *columns: Any) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *zip(*(column.tolist() for column in columns), strict=True)])


def config_of(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


TARGETS = {
    "text": (SIDES, "softmax_cross_entropy", 2, "accuracy", 0.9),
    "few whole numbers": (1 + (X[:, 0] > 0) + (X[:, 1] > 0), "softmax_cross_entropy", 3, "accuracy", 0.8),
    "many whole numbers": ((1000 * X[:, 0]).astype(int), "mse", 1, "r2", 0.9),
    "fractions": (X[:, 0] - X[:, 1], "mse", 1, "r2", 0.9),
    "prices": (2e5 + 5e4 * (X[:, 0] + X[:, 1] ** 2), "mse", 1, "r2", 0.9),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_a_config_for_a_table_has_the_loss_of_its_target_and_trains_as_it_is(kind: str, folder: Path) -> None:
    y, loss, units, metric, least = TARGETS[kind]
    write_csv(folder / "table.csv", ['a"b', "b", "c", "the target"], *X.T, y)
    assert good("init", "table.csv", "--target", "the target").endswith("then: bpframe train table.toml\n")
    config = config_of(folder / "table.toml")
    assert (config["loss"]["name"], config["model"]["layers"][-1]["units"]) == (loss, units)
    good("train", "table.toml", "--quiet")
    assert json.loads((folder / "runs/table/test.json").read_text())[metric] > least


@pytest.mark.parametrize(
    ("x", "y", "names"),
    [
        (X.reshape(200, 3, 1), (X[:, 0] > 0).astype(int), ["flatten", "softmax_cross_entropy"]),
        (X, (X > 0).astype(int), ["standardize", "sigmoid_cross_entropy"]),
        (X, X[:, :2], ["standardize", "mse"]),
    ],
)
def test_a_config_for_arrays_follows_their_shapes(x: Any, y: Any, names: list[str], folder: Path) -> None:
    np.savez(folder / "arrays.npz", x=x, y=y)
    good("init", "arrays.npz", "-o", "sub/mine.toml")
    config = config_of(folder / "sub/mine.toml")
    assert [config["model"]["layers"][0]["name"], config["loss"]["name"]] == names
    good("train", "sub/mine.toml", "--quiet", "--epochs", "2")


def test_a_task_overrides_what_the_values_say(folder: Path) -> None:
    write_csv(folder / "table.csv", ["a", "stars"], X[:, 0], np.arange(200) % 5)
    good("init", "table.csv", "--target", "stars", "--task", "numbers")
    assert config_of(folder / "table.toml")["loss"]["name"] == "mse"
    good("train", "table.toml", "--quiet", "--epochs", "2")


def test_rare_classes_are_weighed_and_not_stratified_where_there_are_too_few(folder: Path) -> None:
    write_csv(folder / "table.csv", ["a", "y"], X[:, 0], np.where(np.arange(200) < 3, "rare", "often"))
    good("init", "table.csv", "--target", "y")
    config = config_of(folder / "table.toml")
    assert config["train"]["class_weight"] == "balanced"
    assert config["data"]["test"]["kind"] == "random"


@pytest.mark.parametrize(
    ("code", "arguments", "told"),
    [
        (2, [], "init needs DATA or --example"),
        (2, ["table.csv", "--example", "digits"], "init needs DATA or --example"),
        (3, ["table.csv"], "needs the name of its target column"),
        (3, ["table.csv", "--target", "sidee"], "Did you mean 'side'?"),
        (3, ["nowhere.csv", "--target", "side"], "nowhere.csv"),
        (3, ["few.csv", "--target", "y"], "needs at least 10 rows to learn from, got 4"),
        (3, ["one.csv", "--target", "y"], "needs two classes or more in its target, got one"),
        (2, ["table.csv", "--target", "side", "-o", "small.toml"], "overwrites nothing, but small.toml exists"),
        (2, ["--example", "digit"], "no example 'digit'. Did you mean 'digits'? Examples: addition, characters, "),
    ],
)
def test_what_cannot_be_written_is_an_error_that_says_why(
    code: int, arguments: list[str], told: str, folder: Path
) -> None:
    write_csv(folder / "table.csv", ["a", "b", "side"], X[:, 0], X[:, 1], SIDES)
    write_csv(folder / "few.csv", ["a", "y"], X[:4, 0], SIDES[:4])
    write_csv(folder / "one.csv", ["a", "y"], X[:, 0], np.full(200, "same"))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert told in bad(code, "init", *arguments)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_the_example_of_a_config_trains(folder: Path) -> None:
    assert good("init", "--example", "digits") == "digits.toml\n"
    assert "test accuracy 0." in good("train", "digits.toml", "--epochs", "1", "--quiet")


def test_the_example_of_a_plugin_is_the_whole_distribution(folder: Path) -> None:
    source = Path(__file__).parents[2] / "plugins" / "example"
    written = good("init", "--example", "plugin").splitlines()
    assert sorted(written) == sorted(
        f"bpframe-example/{path.relative_to(source).as_posix()}"
        for path in source.rglob("*")
        if path.suffix in (".py", ".md", ".toml")
    )
    for name in written:
        assert (folder / name).read_bytes() == (source / name.removeprefix("bpframe-example/")).read_bytes()
    assert "overwrites nothing" in bad(2, "init", "--example", "plugin")


def test_columns_that_are_no_numbers_are_left_out_with_a_reason(folder: Path) -> None:
    rows = [f"r{i},{i},{i % 7},{'' if i == 3 else i},{'no' if i % 2 else 'yes'}" for i in range(40)]
    (folder / "table.csv").write_text("\n".join(["key,a,b,gap,y", *rows]))
    good("init", "table.csv", "--target", "y")
    text = (folder / "table.toml").read_text()
    assert 'exclude = ["key", "gap"]' in text
    assert "no number in every row" in text
    good("train", "table.toml", "--quiet", "--epochs", "2")
