"""What is odd about a training and about its data, as `bpframe train` and `bpframe explain --data` say it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import bad, bpframe, good, records, write_rows
from tests.configs import config_text


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a config of rows that are far too large, watched by the monitor."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x, y = 1000 * rng.normal(size=(60, 3)), rng.integers(2, size=60)
    x[:, 1] = 5.0
    write_rows(tmp_path, np.concatenate([x, x[:20]]), np.concatenate([y, y[:20]]))
    more = '[optimizer]\nname = "adam"\n[train]\nepochs = 3\n[[callbacks]]\nname = "monitor"\n'
    text = config_text(more, source="PLACE", outputs=2).replace('{ name = "PLACE", points = 60 }', '"rows.npz"')
    (tmp_path / "odd.toml").write_text(text)
    return tmp_path


def test_a_run_keeps_what_the_monitor_says_in_its_history_and_says_it_once(folder: Path) -> None:
    done = bpframe("train", "odd.toml", "--name", "one")
    assert done.exit_code == 0, done.output
    notes = [line for line in done.stderr.splitlines() if line.startswith("Note: ")]
    kept = [note for record in records(folder / "runs/one/history.jsonl") for note in record.get("notes", [])]
    assert notes == [f"Note: {note}" for note in kept]
    assert any("scale the inputs, as standardize does" in note for note in kept)


def test_explain_reads_the_data_where_it_is_asked_to() -> None:
    shown = " ".join(good("explain", "odd.toml", "--data").split())
    assert "Odd about the data: - train x has one value in every row of: '1'. Leave out what says nothing." in shown
    assert "Odd about" not in good("explain", "odd.toml")
    assert json.loads(good("explain", "odd.toml", "--data", "--json"))["data_check"][0].startswith("train x has one")
    assert "data_check" not in json.loads(good("explain", "odd.toml", "--json"))


def test_explain_names_rows_in_two_parts(folder: Path) -> None:
    text = (folder / "odd.toml").read_text().replace("[data]", "[data]\ntest = { fraction = 0.25 }", 1)
    (folder / "odd.toml").write_text(text)
    shown = " ".join(good("explain", "odd.toml", "--data").split())
    assert "rows of test stand in train too: row" in shown


def test_explain_of_a_run_reads_its_data_too(folder: Path) -> None:
    bpframe("train", "odd.toml", "--name", "one")
    assert "Odd about the data:" in good("explain", "runs/one", "--data")


def test_data_that_cannot_be_read_are_an_error(folder: Path) -> None:
    (folder / "rows.npz").unlink()
    good("explain", "odd.toml")
    assert "rows.npz" in bad(3, "explain", "odd.toml", "--data")
