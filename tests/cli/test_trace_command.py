"""`bpframe trace` works through one row of a run, in the terminal and as a page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from bpframe import datasets
from bpframe.runs import config
from tests.cli.commands import bad, good

pytestmark = pytest.mark.usefixtures("folder")


def losses(text: str) -> tuple[float, float]:
    """Those before and after the update, as the text ends."""
    found = re.search(r"Loss of the row: (\S+) before, (\S+) after\.", text)
    assert found
    return float(found[1]), float(found[2])


def test_a_row_of_the_test_part_is_worked_through_with_the_model_of_the_run(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    text = good("trace", "runs/small", "--row", "7")
    assert text.startswith("Row 7 of the test part: loss ")
    trainer = bp.Trainer.load(folder / "runs/small/model.safetensors")
    x, y = config.load(folder / "runs/small/config.toml").data().test
    before, after = losses(text)
    assert before == pytest.approx(trainer.evaluate(x[7:8], y[7:8])["loss"], rel=1e-5)
    trainer.fit(x[7:8], y[7:8], epochs=1, batch_size=1, verbose=0)
    assert after == pytest.approx(trainer.evaluate(x[7:8], y[7:8])["loss"], rel=1e-5)
    assert "all agree" in text


@pytest.mark.parametrize(("part", "rows"), [("train", 33), ("validation", 12), ("test", 15)])
def test_the_last_row_of_a_part(folder: Path, part: str, rows: int) -> None:
    good("train", "small.toml", "--quiet")
    assert good("trace", "runs/small", "--part", part, "--row", "-1").startswith(f"Row {rows - 1} of the {part} part:")
    told = bad(3, "trace", "runs/small", "--part", part, "--row", rows)
    assert f"--row needs a row of the {part} part from 0 to {rows - 1}, got {rows}." in told


def test_a_row_of_another_file(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    x, y = datasets.moons(points=8, seed=5)
    np.savez(folder / "new.npz", x=x, y=y)
    text = good("trace", "runs/small", "new.npz", "--row", "3")
    trainer = bp.Trainer.load(folder / "runs/small/model.safetensors")
    assert text.startswith("Row 3 of new.npz: loss ")
    assert losses(text)[0] == pytest.approx(trainer.evaluate(x[3:4], y[3:4])["loss"], rel=1e-5)


def test_the_rule_remembers_what_a_checkpoint_of_the_run_holds(folder: Path) -> None:
    good("train", "small.toml", "--quiet", "--set", "optimizer.name=adam", "--set", "train.checkpoint.every_steps=1")
    plain = good("trace", "runs/small")
    assert "no step before this one" not in plain
    trainer = bp.Trainer.resume(max((folder / "runs/small/checkpoints").iterdir()))
    x, y = config.load(folder / "runs/small/config.toml").data().test
    trainer.fit(x[:1], y[:1], epochs=1, batch_size=1, verbose=0)
    assert losses(plain)[1] == pytest.approx(trainer.evaluate(x[:1], y[:1])["loss"], rel=1e-5)
    for file in (folder / "runs/small/checkpoints").iterdir():
        file.unlink()
    assert "no step before this one" in good("trace", "runs/small")


def test_names_of_columns_and_classes_stand_beside_their_numbers(folder: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'oak' if a > b else 'elm'}" for a, b in rng.normal(size=(40, 2))]
    (folder / "trees.csv").write_text("\n".join(["height,girth,kind", *rows]))
    good("init", "trees.csv", "--target", "kind")
    good("train", "trees.toml", "--quiet", "--set", "train.epochs=1")
    text = good("trace", "runs/trees")
    assert re.search(r"\[0\] +height", text)
    assert re.search(r"\[\d\] +(elm|oak) ", text)


def test_a_page_is_written_once(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    assert good("trace", "runs/small", "--row", "2", "-o", "row.html") == "row 2, row.html\n"
    page = (folder / "row.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "Row 2 of the test part" in page
    assert "'row.html' exists" in bad(2, "trace", "runs/small", "-o", "row.html")
    good("trace", "runs/small", "--row", "3", "-o", "row.html", "--force")
    assert "Row 3 of the test part" in (folder / "row.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-o", "row.pdf"], "needs a file that ends in .html, got 'row.pdf'"),
        (["-o", "nowhere/row.html"], "'nowhere' is not a folder"),
        (["--target", "kind"], "needs a FILE whose column it names"),
        (["new.npz", "--part", "test"], "is of the run's data: no FILE"),
        (["--units", "0"], "0 is not in the range x>=1"),
        (["--part", "all"], "'all' is not one of"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_read(words: list[str], told: str) -> None:
    assert told in bad(2, "trace", "runs/none", *words)


def test_a_part_that_the_run_does_not_have_is_an_error_that_lists_those_it_has(folder: Path) -> None:
    (folder / "small.toml").write_text(
        (folder / "small.toml").read_text().replace("validation = { fraction = 0.2 }", "")
    )
    good("train", "small.toml", "--quiet")
    told = bad(3, "trace", "runs/small", "--part", "validation")
    assert "The run has no validation rows. It has: test, train." in told
