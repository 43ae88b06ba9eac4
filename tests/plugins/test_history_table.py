"""The distribution in plugins/history_table, as a foreigner's: a callback with a dependency of its own."""

from __future__ import annotations

import math
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import bpframe as bp
from bpframe.registry import registry
from bpframe.testing import check_distribution
from tests.planted import plant

SOURCE = Path(__file__).parents[2] / "plugins" / "history_table"
NAME = "bpframe-history-table/history_table"


@pytest.fixture(autouse=True)
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process sees it, by the entry points of its project."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    plant(tmp_path, project["name"], {"bpframe.callbacks:history_table": "bpframe_history_table:HistoryTable"})
    assert project["entry-points"] == {"bpframe.callbacks": {"history_table": "bpframe_history_table:HistoryTable"}}
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    bp.refresh()
    yield
    monkeypatch.undo()
    sys.modules.pop("bpframe_history_table", None)
    bp.refresh()


def fitted(epochs: int = 4, **settings: Any) -> bp.Trainer:
    x = np.linspace(-1.0, 1.0, 20)[:, None]
    network = bp.Network([bp.layers.dense(1)])
    trainer = bp.Trainer(network, "mse", "sgd", callbacks=[{"name": NAME, **settings}], dtype="float64")
    trainer.fit(x, 2 * x, epochs=epochs, validation=(x[:5], x[:5]), verbose=0)
    return trainer


def test_it_keeps_the_laws_of_a_callback() -> None:
    (report,) = check_distribution("bpframe-history-table")
    assert report.engines == ("numpy",)


@pytest.mark.parametrize(
    ("file", "read"),
    [("h.parquet", polars.read_parquet), ("h.csv", polars.read_csv), ("h.json", polars.read_json)],
)
def test_the_table_has_what_the_history_has(file: str, read: Any) -> None:
    trainer = fitted(file=file)
    table = read(file)
    assert table.height == 4
    for name in ("train.loss", "validation.loss", "lr", "epoch"):
        expected = np.array(trainer.history[name], dtype=float)
        np.testing.assert_allclose(table[name].to_numpy(), expected, rtol=1e-12)
    assert [path.name for path in Path().glob(".*")] == []


def test_it_is_written_before_the_end_where_that_is_wanted_and_after_an_error() -> None:
    class Stop:
        @bp.hookimpl
        def bpframe_epoch_end(self, state: bp.RunState) -> None:
            seen.append(polars.read_csv("h.csv").height if Path("h.csv").exists() else 0)
            if state.epoch == 4:
                raise KeyboardInterrupt

    seen: list[int] = []
    x = np.linspace(-1.0, 1.0, 20)[:, None]
    parts: Any = [{"name": NAME, "file": "h.csv", "every": 2}, Stop()]
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", "sgd", callbacks=parts)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, x, epochs=9, verbose=0)
    assert seen == [0, 2, 2, 4, 4]
    assert polars.read_csv("h.csv").height == 5
    assert not math.isnan(polars.read_csv("h.csv")["train.loss"][-1])


def test_settings_that_cannot_be_are_refused_in_words() -> None:
    with pytest.raises(bp.errors.ConfigError, match=r"needs a file that ends in .parquet, .csv, .json, got 'h.xlsx'"):
        bp.build("callback", {"name": NAME, "file": "h.xlsx"})
    with pytest.raises(bp.errors.ConfigError, match="a number above 0 as every"):
        bp.build("callback", {"name": NAME, "every": 0})
