"""Columns of sparse files go by their numbers: every file of a model is read as its first one was.

Shapes: x (40, 3) of columns that the file numbers from 1 or from 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.datasets import read, read_table
from bpframe.errors import ColumnWarning, DataError
from bpframe.protocols import Numbered
from bpframe.testing.kinds.sources import source_checks
from tests.cli.commands import good

CONFIG = """
loss = "mse"
data.source = "train.svm"
train.epochs = 2
[[model.layers]]
name = "dense"
units = 1
"""


def text(x: np.ndarray, first: int) -> str:
    """Rows as a sparse file has them, without the zeros."""
    rows = [" ".join(f"{j + first}:{v!r}" for j, v in enumerate(row) if v) for row in x.tolist()]
    return "".join(f"{sum(row):.3f} {cells}\n" for row, cells in zip(x, rows, strict=True))


def rows(*empty: int, n: int = 3) -> np.ndarray:
    x = np.round(np.random.default_rng(2).normal(size=(40, n)), 3)
    x[:, list(empty)] = 0
    return x


def trained(path: Path, **setting: Any) -> bp.Trainer:
    made = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse")
    made.fit(*read_table(path, source=bp.sources.svmlight(**setting)), epochs=1)
    return made


def write(path: Path, x: np.ndarray, first: int) -> Path:
    path.write_text(text(x, first))
    return path


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("empty", [(), (0,), (2,), (0, 2)], ids=str)
def test_a_later_file_is_read_by_the_numbers_of_the_first(tmp_path, first, empty):
    made = trained(write(tmp_path / "a.svm", rows(), first))
    later = rows(*empty)
    x, _ = read_table(write(tmp_path / "b.svm", later, first))
    np.testing.assert_array_equal(made.predict(x), made.predict(later))
    made.save(tmp_path / "a.model")
    np.testing.assert_array_equal(bp.Trainer.load(tmp_path / "a.model").predict(x), made.predict(later))


def test_a_column_0_where_the_first_file_had_none_is_an_error_that_names_the_setting(tmp_path):
    made = trained(write(tmp_path / "a.svm", rows(), 1))
    path = write(tmp_path / "b.svm", rows(), 0)
    with pytest.raises(DataError, match=r"has a column 0, but .* numbered from 1 on.* set zero_based of both"):
        made.predict(read_table(path)[0])
    x, _ = read_table(path, source=bp.sources.svmlight(zero_based=True))
    np.testing.assert_array_equal(made.predict(x), made.predict(rows()))


def test_settings_of_both_files_bring_their_columns_together(tmp_path):
    made = trained(write(tmp_path / "a.svm", rows(0), 0), zero_based=True)
    x, _ = read_table(write(tmp_path / "b.svm", rows(), 1), source=bp.sources.svmlight(zero_based=False))
    np.testing.assert_array_equal(made.predict(x), made.predict(rows()))


def test_columns_beyond_those_of_the_first_file_are_left_out_with_a_warning(tmp_path):
    made = trained(write(tmp_path / "a.svm", rows(), 1))
    wide = rows(n=4)
    with pytest.warns(ColumnWarning, match="leaves out: '4'"):
        got = made.predict(read_table(write(tmp_path / "b.svm", wide, 1))[0])
    np.testing.assert_array_equal(got, made.predict(wide[:, :3]))


def test_arrays_still_go_by_position_and_read_gives_arrays(tmp_path):
    path = write(tmp_path / "a.svm", rows(), 1)
    made = trained(path)
    x, y = read(path)
    assert type(x) is np.ndarray
    assert y.dtype == np.float64
    np.testing.assert_array_equal(made.predict(x), made.predict(read_table(path)[0]))


@pytest.mark.parametrize("first", [0, 1])
def test_commands_read_files_beside_the_training_rows_alike(tmp_path, first, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train.svm", rows(), first)
    write(tmp_path / "test.svm", rows(0), first)
    Path("c.toml").write_text(CONFIG + '[data.test]\nsource = "test.svm"\n[data.validation]\nsource = "test.svm"\n')
    good("train", "c.toml", "--name", "a")
    made = bp.Trainer.load("runs/a/model.safetensors")
    shown = f"{made.evaluate(rows(0), read('test.svm')[1])['mae']:.4g}"
    assert shown in good("evaluate", "runs/a")
    assert shown in good("evaluate", "runs/a", "test.svm")
    printed = good("predict", "runs/a", "test.svm").splitlines()[1:]
    np.testing.assert_allclose([float(line) for line in printed], made.predict(rows(0))[:, 0], rtol=1e-6)


def test_the_kit_holds_a_numbered_source_to_what_it_reads():
    source = bp.sources.svmlight()
    assert isinstance(source, Numbered)
    source_checks(source)["numbers"]()
