"""bpframe runs: a table over run folders, grouped by config, with intervals over seeds."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from scipy import stats

import bpframe as bp
from bpframe.runs.folder import RunFolder
from bpframe.runs.process_lock import process_lock
from tests.cli.commands import bad, bpframe, good

pytestmark = pytest.mark.usefixtures("folder")


def train(name: str, *settings: str) -> None:
    words = [word for setting in settings for word in ("--set", setting)]
    good("train", "small.toml", "--quiet", "--name", name, *words)


@pytest.fixture
def five(folder: Path) -> Path:
    """Three seeds of one config, and two of another rate."""
    for seed in range(3):
        train(f"slow-{seed}", f"train.seed={seed}")
    for seed in range(2):
        train(f"fast-{seed}", f"train.seed={seed}", "optimizer.lr=1.0")
    return folder


def table(*arguments: object) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(good("runs", "--csv", *arguments))))


def test_runs_that_differ_by_their_seed_alone_are_one_row_with_an_interval(five: Path) -> None:
    fast, slow = table()
    assert [fast["config"], fast["runs"], slow["config"], slow["runs"]] == ["fast-0", "2", "slow-0", "3"]
    losses = [bp.Run(five / "runs" / f"slow-{seed}").results["test"]["loss"] for seed in range(3)]
    low, high = stats.t.interval(0.95, 2, sum(losses) / 3, stats.sem(losses))
    mean, half = float(slow["test.loss"]), float(slow["test.loss ±"])
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert [fast["optimizer.lr"], slow["optimizer.lr"]] == ["1.0", "0.01"]
    assert set(fast) == {"config", "runs", "over", "optimizer.lr"} | {
        f"test.{name}{half}" for name in ("loss", "accuracy") for half in ("", " ±")
    }


def test_the_table_to_read_says_which_interval_it_shows(five: Path) -> None:
    header, *rows, empty, note = good("runs").splitlines()
    assert header.split() == ["config", "runs", "over", "test.loss", "test.accuracy", "optimizer.lr"]
    assert [row.split()[0] for row in rows] == ["fast-0", "slow-0"]
    assert all("±" in row for row in rows)
    assert empty == ""
    assert "95% interval of the mean" in note


def test_rows_are_sorted_by_a_column_rising_or_falling(five: Path) -> None:
    assert [row["optimizer.lr"] for row in table("--sort", "optimizer.lr")] == ["0.01", "1.0"]
    assert [row["optimizer.lr"] for row in table("--sort", "-optimizer.lr")] == ["1.0", "0.01"]
    losses = [float(row["test.loss"]) for row in table("--each", "--sort", "test.loss")]
    assert losses == sorted(losses)
    assert "needs a column, got 'test.los'. Did you mean 'test.loss'?" in bad(2, "runs", "--sort", "test.los")


def test_each_run_has_a_row_with_its_seed_and_state(five: Path) -> None:
    (five / "runs" / "slow-2" / "test.json").unlink()
    with process_lock(RunFolder(five / "runs" / "fast-1")):
        (five / "runs" / "fast-1" / "test.json").unlink()
        rows = {Path(row["run"]).name: row for row in table("--each")}
    assert {name: row["state"] for name, row in rows.items()} == {
        "fast-0": "over",
        "fast-1": "training",
        "slow-0": "over",
        "slow-1": "over",
        "slow-2": "stopped",
    }
    assert [rows["slow-2"]["seed"], rows["slow-2"]["epochs"], rows["slow-2"]["test.loss"]] == ["2", "2", ""]
    assert next(row["over"] for row in table() if row["config"] == "slow-0") == "2"


def test_folders_are_searched_however_deep(five: Path) -> None:
    (five / "later").mkdir()
    (five / "runs").rename(five / "later" / "of-monday")
    assert [row["runs"] for row in table("later")] == ["2", "3"]
    assert [row["runs"] for row in table("later/of-monday/slow-1", "later/of-monday/fast-0")] == ["1", "1"]


def test_what_holds_no_run_and_what_is_damaged_is_named(five: Path) -> None:
    (five / "empty").mkdir()
    assert "empty holds no run: no folder in it has a config.toml" in bad(5, "runs", "empty")
    assert "missing is no folder" in bad(5, "runs", "missing")
    (five / "runs" / "fast-0" / "config.toml").write_text("[train")
    (five / "runs" / "fast-1" / "test.json").write_text("[]")
    done = bpframe("runs")
    assert done.exit_code == 0
    assert done.stderr.count("left out: ") == 2
    assert "slow-0" in done.stdout
    assert "fast" not in done.stdout


def test_rows_held_out_stay_the_same_over_seeds_by_a_seed_of_their_own(folder: Path) -> None:
    own = "data.test={ fraction = 0.25, seed = 7 }"
    for seed in range(2):
        train(f"own-{seed}", f"train.seed={seed}", own)
        train(f"shared-{seed}", f"train.seed={seed}")

    def digests(stem: str) -> list[str]:
        return [bp.Run(f"runs/{stem}-{seed}").lock["data"]["test"]["x"] for seed in range(2)]

    assert len(set(digests("own"))) == 1
    assert len(set(digests("shared"))) == 2
    assert [row["runs"] for row in table()] == ["2", "2"]
    first, second = (bp.Run(f"runs/own-{seed}").history for seed in range(2))
    assert first.train["loss"] != second.train["loss"]


def test_the_seed_of_a_split_left_out_is_that_of_training(folder: Path) -> None:
    train("left-out", "train.seed=5")
    train("said", "train.seed=5", 'data.test={ fraction = 0.25, kind = "stratified", seed = 5 }')
    left_out, said = bp.Run("runs/left-out"), bp.Run("runs/said")
    assert left_out.lock["data"] == said.lock["data"]
    assert "seed" not in left_out.config["data"]["test"]
    assert said.config["data"]["test"]["seed"] == 5
    assert "wants a whole number" in bad(2, "train", "small.toml", "--set", "data.test.seed=0.5")
    other = "data.test={ source = 'x.csv', seed = 1 }"
    assert "a seed for rows that are held out alone" in bad(2, "train", "small.toml", "--set", other)
