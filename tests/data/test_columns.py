"""Columns are known by name wherever rows come in: another order changes nothing, and what is missing is named.

Sizes: 33 rows of 3 numbers, 3 classes.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import bpframe as bp
from bpframe.data.columns import NamedRows
from bpframe.errors import CheckpointError, ColumnWarning, DataError, ShapeError

DRAWS = np.random.default_rng(5)
X = DRAWS.normal(size=(33, 3)) * [1, 10, 100]
Y = np.arange(33) % 3
NAMES = ("age", "income", "weight")
SHUFFLED = ("weight", "age", "income")


def columns(names: Any) -> dict[str, Any]:
    """The columns of these names; one that is none of NAMES holds text."""
    return {n: X[:, NAMES.index(n)] if n in NAMES else np.array(["id"] * len(X)) for n in names}


def named(names: Any) -> NamedRows:
    values = columns(names)
    kinds = tuple("float" if n in NAMES else "text" for n in names)
    plain = all(n in NAMES for n in names)
    cells = np.column_stack([v if plain else v.astype(object) for v in values.values()])
    return NamedRows(cells, tuple(names), kinds)


class OnlyArray:
    """A table of a library that bpframe does not know: its names, and the whole of it as an array."""

    def __init__(self, names: Any) -> None:
        self.columns = list(names)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(named(self.columns).values)


class Interchange:
    """A table that gives its names by the interchange protocol."""

    def __init__(self, names: Any) -> None:
        self.names = list(names)

    def __dataframe__(self) -> Any:
        return type("Names", (), {"column_names": lambda _: self.names})()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(named(self.names).values)


TABLES: dict[str, Callable[[Any], Any]] = {
    "pandas": lambda names: pd.DataFrame(columns(names)),
    "polars": lambda names: pl.DataFrame(columns(names)),
    "pyarrow": lambda names: pa.table(columns(names)),
    "pyarrow batch": lambda names: pa.RecordBatch.from_pydict(columns(names)),
    "NamedRows": named,
    "a table of columns and array": OnlyArray,
    "a table of the interchange protocol": Interchange,
}


def new() -> Any:
    network = bp.Network([bp.layers.dense(5, activation="tanh"), bp.layers.dense(3)])
    return bp.Trainer(network, loss="softmax_cross_entropy", optimizer="adam")


def trained(x: Any, **settings: Any) -> Any:
    trainer = new()
    trainer.fit(x, Y, **{"epochs": 2, "batch_size": 8, **settings})
    return trainer


def bits(trainer: Any) -> dict[str, bytes]:
    return {name: p.tobytes() for name, p in trainer.parameters.items()}


DOORS: dict[str, Callable[[Any, Any], Any]] = {  # what a trainer gives for rows
    "scores": lambda trainer, x: trainer.scores(x).tobytes(),
    "predict": lambda trainer, x: trainer.predict(x).tobytes(),
    "predict_labels": lambda trainer, x: trainer.predict_labels(x).tobytes(),
    "evaluate": lambda trainer, x: trainer.evaluate(x, Y),
    "trace": lambda trainer, x: trainer.trace(x, Y).loss,
    "fit": lambda trainer, x: trainer.fit(x, Y, epochs=1).train["loss"],
    "validation": lambda trainer, x: trainer.fit(X, Y, epochs=1, validation=(x, Y)).validation["loss"],
    "lr_range_test": lambda trainer, x: bp.lr_range_test(trainer, x, Y, steps=3).loss,
}
EVERY_DOOR = pytest.mark.parametrize("door", DOORS)
PAIRS = [("pandas", door) for door in DOORS] + [(library, "predict") for library in TABLES if library != "pandas"]
EACH = pytest.mark.parametrize(("library", "door"), PAIRS)


@EACH
def test_columns_in_another_order_are_taken_by_name(library, door):
    first, second = trained(TABLES[library](NAMES)), trained(X)
    assert DOORS[door](first, TABLES[library](SHUFFLED)) == DOORS[door](second, X)
    assert bits(first) == bits(second)


@EVERY_DOOR
def test_a_table_of_one_library_is_read_by_the_names_of_another(door):
    by_pandas, by_array = trained(TABLES["pandas"](NAMES)), trained(X)
    assert DOORS[door](by_pandas, TABLES["polars"](SHUFFLED)) == DOORS[door](by_array, X)


@EACH
def test_columns_that_the_model_does_not_know_are_left_out_and_named_in_a_warning(library, door):
    first, second = trained(TABLES[library](NAMES)), trained(X)
    who = "validation x" if door == "validation" else "x"
    with pytest.warns(ColumnWarning, match=f"^{who} has columns that the model does not know.*: 'name'") as caught:
        got = DOORS[door](first, TABLES[library](("name", *SHUFFLED)))
    assert got == DOORS[door](second, X)
    assert {Path(one.filename).name for one in caught} == {"test_columns.py"}, "it points at who called"


@EACH
def test_a_missing_column_is_named_and_nothing_changes(library, door):
    trainer = trained(TABLES[library](NAMES))
    before, history = bits(trainer), len(trainer.history)
    with pytest.raises(DataError, match="needs a column 'income', as in the first fit, got 'weight', 'age'"):
        DOORS[door](trainer, TABLES[library](("weight", "age")))
    assert bits(trainer) == before
    assert len(trainer.history) == history


def test_a_renamed_column_is_named_with_the_one_it_may_be():
    with pytest.raises(DataError, match=r"'income', .*got 'age', 'incomes', 'weight'.* Did you mean 'incomes'"):
        trained(pd.DataFrame(X, columns=NAMES)).predict(pd.DataFrame(X, columns=["age", "incomes", "weight"]))


def test_validation_rows_of_a_first_fit_are_read_by_the_names_of_its_training_rows():
    by_name = trained(pd.DataFrame(X, columns=NAMES), validation=(pl.DataFrame(columns(SHUFFLED)), Y))
    assert by_name.history.validation == trained(X, validation=(X, Y)).history.validation


@EVERY_DOOR
def test_rows_without_names_go_by_position(door):
    first, second = trained(pd.DataFrame(X, columns=NAMES)), trained(X)
    assert DOORS[door](first, X) == DOORS[door](second, X)
    with pytest.raises(ShapeError, match="rows of shape"):
        DOORS[door](first, X[:, :2])


def test_a_model_that_learned_no_names_takes_columns_by_position_and_learns_names_in_its_next_fit():
    trainer = trained(X)
    assert trainer.predict(pd.DataFrame(X, columns=NAMES)).tobytes() == trainer.predict(X).tobytes()
    trainer.fit(pd.DataFrame(X, columns=NAMES), Y, epochs=1)
    assert trainer.predict(pd.DataFrame(columns(SHUFFLED))).tobytes() == trainer.predict(X).tobytes()


def test_numbered_columns_are_positions_in_any_order():
    trainer, frame = trained(pd.DataFrame(X)), pd.DataFrame(X)
    assert trainer.task.columns is None
    assert trainer.predict(frame[[2, 0, 1]]).tobytes() == trainer.predict(X).tobytes()
    with_names = trained(pd.DataFrame(X, columns=NAMES))
    assert with_names.predict(frame).tobytes() == with_names.predict(X).tobytes()
    reverse = trained(frame[[2, 1, 0]])
    assert reverse.predict(frame).tobytes() == reverse.predict(X[:, ::-1]).tobytes()


@pytest.mark.parametrize("library", ["pandas", "NamedRows", "pyarrow"])
def test_two_columns_of_one_name_are_an_error_before_anything_changes(library):
    twice = {
        "pandas": pd.DataFrame(X, columns=["a", "b", "a"]),
        "NamedRows": NamedRows(X, ("a", "b", "a"), ("float",) * 3),
        "pyarrow": pa.Table.from_arrays([pa.array(c) for c in X.T], names=["a", "b", "a"]),
    }[library]
    trainer, fresh = new(), new()
    with pytest.raises(DataError, match=r"x needs columns of different names, got 'a' 2 times. Rename one"):
        trainer.fit(twice, Y)
    for one in (trainer, fresh):
        one.fit(X[:, :2], Y, epochs=1)
    assert bits(trainer) == bits(fresh)


# --------------------------------------------------------------------------------------------------- targets by name

Q = DRAWS.normal(size=(33, 2)) * [1, 1000]


def quantities() -> Any:
    return bp.Trainer(bp.Network([bp.layers.dense(4, activation="tanh"), bp.layers.dense(2)]), "mse", "adam")


TARGETS = {"pandas": pd.DataFrame(Q, columns=["p", "q"]), "polars": pl.DataFrame({"p": Q[:, 0], "q": Q[:, 1]})}


@pytest.mark.parametrize("library", TARGETS)
def test_several_columns_of_targets_are_known_by_name(library, tmp_path):
    first, second, y = quantities(), quantities(), TARGETS[library]
    swapped = y[["q", "p"]]
    first.fit(X, y, epochs=2, validation=(X, swapped))
    second.fit(X, Q, epochs=2, validation=(X, Q))
    assert first.history.validation == second.history.validation
    assert first.evaluate(X, swapped) == second.evaluate(X, Q) == first.evaluate(X, Q)
    first.save(tmp_path / "model.safetensors")
    assert bp.Trainer.load(tmp_path / "model.safetensors").evaluate(X, swapped) == second.evaluate(X, Q)
    assert first.fit(X, swapped, epochs=1).train == second.fit(X, Q, epochs=1).train
    with pytest.raises(DataError, match=r"^y needs a column 'q', as in the first fit, got 'p'"):
        first.evaluate(X, y[["p"]])
    with pytest.raises(DataError, match=r"^validation y needs the columns 'p', 'q'"):
        first.fit(X, y, validation=(X, pd.DataFrame(Q, columns=["r", "s"])))


def test_one_column_of_targets_may_have_any_name(tmp_path):
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse")
    trainer.fit(X, pd.DataFrame({"price": Q[:, 0]}), epochs=1)
    assert trainer.evaluate(X, pd.DataFrame({"cost": Q[:, 0]})) == trainer.evaluate(X, Q[:, 0])
    assert "target_columns" not in trainer.task.learned


# ---------------------------------------------------------------------------------------------------------------- files


def test_names_are_saved_in_model_files_and_checkpoints(tmp_path):
    trainer, shuffled = trained(pd.DataFrame(X, columns=NAMES)), pd.DataFrame(columns(SHUFFLED))
    trainer.save(tmp_path / "model.safetensors")
    trainer.checkpoint(tmp_path / "checkpoint.safetensors")
    restored = new()
    restored.restore(tmp_path / "checkpoint.safetensors")
    loaded, resumed = (
        bp.Trainer.load(tmp_path / "model.safetensors"),
        bp.Trainer.resume(tmp_path / "checkpoint.safetensors"),
    )
    for one in (loaded, resumed, restored):
        assert one.predict(shuffled).tobytes() == trainer.predict(X).tobytes()
        with pytest.raises(DataError, match="needs the columns 'age', 'income'"):
            one.predict(shuffled[["weight"]])
    plain = trained(X)
    assert plain.fit(X, Y, epochs=1).train == resumed.fit(shuffled, Y, epochs=1).train


class StopAt:
    """Writes a checkpoint after a step, and stops there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @bp.hookimpl
    def bpframe_batch_end(self, state: Any) -> None:
        if state.step == 7:
            state.trainer.checkpoint(self.path)
            raise KeyboardInterrupt


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_fit_goes_on_in_its_middle_with_columns_in_another_order_to_the_same_bits(library, tmp_path):
    table, path = TABLES[library], tmp_path / "checkpoint.safetensors"
    undisturbed = trained(table(NAMES), epochs=4, validation=(table(NAMES), Y))
    stopped = bp.Trainer(new().network, loss="softmax_cross_entropy", optimizer="adam", callbacks=[StopAt(path)])
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(table(NAMES), Y, epochs=4, batch_size=8, validation=(table(NAMES), Y))
    resumed = bp.Trainer.resume(path, callbacks=[])
    resumed.fit(table(SHUFFLED), Y, epochs=4, batch_size=8, validation=(table(SHUFFLED), Y))
    assert bits(resumed) == bits(undisturbed)
    assert resumed.history.validation == undisturbed.history.validation


def test_rows_without_names_leave_a_file_as_it_was(tmp_path):
    trained(X).save(tmp_path / "model.safetensors")
    assert b'"columns"' not in (tmp_path / "model.safetensors").read_bytes()


@pytest.mark.parametrize("wrong", [["age"], ["age", "age", "weight"], [1, 2, 3], "abc", {"a": 1}])
def test_a_file_whose_names_do_not_fit_its_rows_is_refused(tmp_path, monkeypatch, wrong):
    from bpframe.training import manifest as module

    honest = module.manifest
    monkeypatch.setattr(module, "manifest", lambda *given: {**honest(*given), "columns": wrong})
    trained(X).save(tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="columns"):
        bp.Trainer.load(tmp_path / "model.safetensors")


def test_names_cost_a_plain_array_nothing_and_no_warning_where_they_fit():
    trainer = trained(pd.DataFrame(X, columns=NAMES))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.predict(pd.DataFrame(X, columns=NAMES))
    assert trainer.task.inputs(X.astype(np.float32)).dtype == np.float32


def test_names_of_any_text_come_back_from_a_file(tmp_path):
    odd = ("größe [cm]", 'a "quoted" name', "x\ty")
    trained(pd.DataFrame(X, columns=odd)).save(tmp_path / "model.safetensors")
    assert bp.Trainer.load(tmp_path / "model.safetensors").task.columns == odd
    assert json.dumps(odd)  # what a manifest can hold
