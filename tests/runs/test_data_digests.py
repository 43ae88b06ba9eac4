"""The digests of a table's rows are made while files are read, and are those of the same rows as arrays."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import bpframe as bp
from bpframe.cli import main
from bpframe.data import fingerprint
from bpframe.data.digest import array_digest
from bpframe.runs import config
from bpframe.runs.lock import lock
from bpframe.training.trainer import Trainer

LAYERS = [bp.layers.standardize(), bp.layers.dense(2)]
SPLIT = 'validation = { fraction = 0.25 }\ntest = { fraction = 0.2, kind = "tail" }'
BESIDE = 'validation = { source = "other.csv" }\ntest = { source = "third.csv" }'
TABLE = """\
loss = "softmax_cross_entropy"
optimizer = "sgd"
[data]
source = "train.csv"
target = "y"
PARTS
[[model.layers]]
name = "standardize"
[[model.layers]]
name = "dense"
units = 2
[train]
epochs = 2
batch_size = 8
"""


def run_of(folder: Path, parts: str, offset: float = 0.0) -> config.Config:
    """A run on files of three columns; `offset`: of the second."""
    rng = np.random.default_rng(0)
    for name, rows in (("train", 40), ("other", 12), ("third", 9)):
        lines = [f"{a},{b + offset},{c},{i % 2}" for i, (a, b, c) in enumerate(rng.normal(size=(rows, 3)).tolist())]
        (folder / f"{name}.csv").write_text("\n".join(["a,b,c,y", *lines]) + "\n")
    (folder / "run.toml").write_text(TABLE.replace("PARTS", parts))
    return config.load(folder / "run.toml")


def train(folder: Path) -> Any:
    """The data of the lock that `bpframe train` leaves."""
    found = CliRunner().invoke(main, ["train", str(folder / "run.toml"), "--quiet", "--runs", str(folder / "runs")])
    assert found.exit_code == 0, found.output
    return lock.read_lock(next((folder / "runs").glob("*/")))["data"]


@pytest.mark.parametrize("parts", [SPLIT, BESIDE])
def test_the_lock_holds_sha256_of_the_rows_of_each_part(tmp_path: Path, parts: str) -> None:
    run = run_of(tmp_path, parts)
    held = train(tmp_path)
    for name, (x, y) in {name.replace("train", "training"): part for name, part in vars(run.data()).items()}.items():
        rows = np.asarray(x.values, np.float32, order="C")
        target = np.eye(2, dtype=np.float32)[y]
        assert held[name]["rows"] == len(rows)
        for key, array in (("x", rows), ("y", target)):
            wanted = hashlib.sha256(f"<f4 {array.shape}".encode() + array.tobytes()).hexdigest()
            assert held[name][key] == f"sha256:{wanted}"


@pytest.mark.parametrize("parts", [SPLIT, BESIDE])
def test_a_fit_takes_no_digest_of_rows_that_were_read_for_it(
    tmp_path: Path, parts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_of(tmp_path, parts)
    taken = []
    monkeypatch.setattr(fingerprint, "array_digest", lambda array: taken.append(array.shape[1:]) or array_digest(array))
    train(tmp_path)
    assert taken == [(2,)] * 3  # targets, whose classes are known when all rows are read


@pytest.mark.parametrize("offset", [0.0, 1.7e9])
def test_files_and_arrays_of_equal_data_have_one_fingerprint(tmp_path: Path, offset: float) -> None:
    """With an offset that the first layer removes, engines do not get the rows that were read."""
    run = run_of(tmp_path, BESIDE, offset)
    plain, ready = run.data(), run.data(ready=True)
    read = ready.train[0].ready.x.copy()
    found = []
    for parts in (plain, ready):
        trainer = Trainer(bp.Network(LAYERS), "softmax_cross_entropy", "sgd")
        trainer.fit(*parts.train, epochs=1, validation=parts.validation)
        found.append(trainer._data.value)
    arrays = Trainer(bp.Network(LAYERS), "softmax_cross_entropy", "sgd")
    arrays.fit(
        *(np.asarray(p) for p in (plain.train[0].values, plain.train[1])),
        epochs=1,
        validation=tuple(np.asarray(p) for p in (plain.validation[0].values, plain.validation[1])),
    )
    assert found[0] == found[1]
    assert found[0].parts == arrays._data.value.parts
    assert ("input_offset" in trainer.task.learned) == bool(offset)
    np.testing.assert_array_equal(ready.train[0].ready.x, read)


def test_data_of_a_config_are_the_same_ready_or_not(tmp_path: Path) -> None:
    for parts in (SPLIT, BESIDE):
        run = run_of(tmp_path, parts)
        for one, other in zip(vars(run.data()).values(), vars(run.data(ready=True)).values(), strict=True):
            np.testing.assert_array_equal(one[0].values, other[0].values)
            np.testing.assert_array_equal(one[1], other[1])
            assert one[0].ready is None
            np.testing.assert_array_equal(other[0].ready.x, one[0].values.astype(np.float32))
