"""What is odd about a training and about its data, as `bpframe train` and `bpframe explain` say it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from tests.cli.commands import bad, bpframe, good, records, write_rows
from tests.configs import config_text
from tests.planted import plant


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


@pytest.mark.parametrize("words", [[], ["--data"]])
def test_explain_says_what_is_odd_about_the_data(words: list[str]) -> None:
    shown = " ".join(good("explain", "odd.toml", *words).split())
    assert "Odd about the data: - train x has one value in every row of: '1'. Leave out what says nothing." in shown
    assert json.loads(good("explain", "odd.toml", "--json", *words))["data_check"][0].startswith("train x has one")


def test_explain_reads_no_data_where_it_is_asked_not_to() -> None:
    assert "data" not in good("explain", "odd.toml", "--no-data").split("Python")[1]
    assert not {"data_check", "data_unread"} & set(json.loads(good("explain", "odd.toml", "--no-data", "--json")))


def test_explain_names_rows_in_two_parts(folder: Path) -> None:
    text = (folder / "odd.toml").read_text().replace("[data]", "[data]\ntest = { fraction = 0.25 }", 1)
    (folder / "odd.toml").write_text(text)
    shown = " ".join(good("explain", "odd.toml", "--data").split())
    assert "rows of test stand in train too: row" in shown


def test_explain_of_a_run_reads_its_data_too(folder: Path) -> None:
    bpframe("train", "odd.toml", "--name", "one")
    assert "Odd about the data:" in good("explain", "runs/one", "--data")


def test_data_that_cannot_be_read_are_an_error_where_they_were_asked_for(folder: Path) -> None:
    (folder / "rows.npz").unlink()
    assert "The data were not looked at: " in good("explain", "odd.toml")
    found = json.loads(good("explain", "odd.toml", "--json"))
    assert found["data_check"] is None
    assert "rows.npz" in found["data_unread"]
    assert "rows.npz" in bad(3, "explain", "odd.toml", "--data")


NOTED = """
import numpy as np
open("ran", "w").close()

class Noted:
    suffixes = (".noted",)

    def read(self, file):
        return {"a": np.arange(30.0), "b": np.full(30, 2.5), "y": np.arange(30) % 2}
"""


def test_explain_runs_no_source_of_a_plugin_unless_it_is_asked_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(folder / "site", "noted-reader", {"bpframe.sources:noted": "noted_reader:Noted"}, {"noted_reader.py": NOTED})
    with monkeypatch.context() as patch:
        patch.syspath_prepend(folder / "site")
        bp.refresh()
        (folder / "rows.noted").touch()
        text = (folder / "odd.toml").read_text().replace('source = "rows.npz"', 'source = "rows.noted"\ntarget = "y"')
        (folder / "odd.toml").write_text(text)
        shown = good("explain", "odd.toml")
        assert "not looked at: noted-reader/noted reads them, a plugin, which runs with --data alone." in " ".join(
            shown.split()
        )
        assert not (folder / "ran").exists()
        assert "one value in every row of: 'b'" in good("explain", "odd.toml", "--data")
        assert (folder / "ran").exists()
    sys.modules.pop("noted_reader")
    bp.refresh()
