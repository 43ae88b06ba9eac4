"""Columns with an offset that is large for float32: what a network with standardize in front learns of them.

The reference is the same training in float64, to whose dtype nothing is lost.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.data import input_offset
from bpframe.data.columns import NamedRows
from bpframe.errors import CheckpointError
from bpframe.saving import tensor_file
from bpframe.sklearn import MLPRegressor

RNG = np.random.default_rng(0)
SECONDS = np.sort(RNG.uniform(0, 60, 200))
TIME = 1.7e9 + SECONDS
X = np.column_stack([RNG.normal(size=200), TIME])
Y = np.column_stack([np.sin(SECONDS / 10) + X[:, 0]])
ENGINES = ["numpy", pytest.param("jax", marks=pytest.mark.slow)]


def trainer(*layers: Any, **options: Any) -> bp.Trainer:
    layers = layers or (bp.layers.standardize(label="scale"),)
    network = bp.Network([*layers, bp.layers.dense(16, "tanh"), bp.layers.dense(1)])
    return bp.Trainer(network, "mse", {"name": "adam", "lr": 0.01}, metrics=["r2"], **options)


def fit(made: bp.Trainer, x: Any = X, epochs: int = 30, **options: Any) -> bp.Trainer:
    made.fit(x, Y, epochs=epochs, batch_size=20, verbose=0, **options)
    return made


def wide() -> bp.Trainer:
    return fit(trainer(dtype="float64"))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_minute_of_unix_seconds_trains_in_float32_as_in_float64(engine):
    made, reference = fit(trainer(engine=engine), validation=(X, Y)), wide()
    np.testing.assert_allclose(made.predict(X), reference.predict(X), atol=2e-3)
    np.testing.assert_allclose(made.scores(X[:7]), made.scores(X)[:7], atol=1e-6)
    assert made.evaluate(X, Y)["r2"] == pytest.approx(reference.evaluate(X, Y)["r2"], abs=1e-3)
    assert made.history.validation["loss"][-1] == pytest.approx(made.evaluate(X, Y)["loss"], rel=1e-5)
    np.testing.assert_allclose(made.trace(X, Y).loss, made.evaluate(X, Y)["loss"], rtol=1e-5)


WHOLE = {"int64 nanoseconds": (1e9, np.int64), "uint64": (1e3, np.uint64), "int32 steps": (1, np.int32)}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_lose_their_offset_in_their_own_type(name):
    unit, dtype = WHOLE[name]
    column = (np.array(1_700_000_000, dtype) * np.array(unit, dtype) + (SECONDS * unit).astype(dtype))[:, None]
    near = ((SECONDS * unit).astype(dtype) * (1 / unit))[:, None]
    made, reference = fit(trainer(), column), fit(trainer(dtype="float64"), near)
    np.testing.assert_allclose(made.predict(column), reference.predict(near), atol=2e-3)


def test_what_standardize_gets_is_the_difference_rounded_once():
    made = fit(trainer(), epochs=1)
    offset = made.task.learned[input_offset.KEY]
    assert offset["places"] == [1]  # the other column needs none
    seen = made.task.inputs(X)
    np.testing.assert_array_equal(seen[:, 1], (TIME - offset["values"][0]).astype(np.float32))
    np.testing.assert_array_equal(seen[:, 0], X[:, 0].astype(np.float32))
    assert abs(offset["values"][0] - TIME.mean()) < 1e-6


def test_rows_of_weight_0_have_no_part_in_the_offset():
    x, y = np.vstack([X, [[0.0, 0.0]]]), np.vstack([Y, [[0.0]]])  # a time that is missing
    made = trainer()
    made.fit(x, y, epochs=1, batch_size=201, sample_weight=np.append(np.ones(200), 0.0), verbose=0)
    assert made.task.learned == fit(trainer(), epochs=1).task.learned


def test_rows_of_several_axes_have_an_offset_each_place():
    x = np.stack([X, X[::-1]], axis=1)  # (200, 2, 2)
    made = fit(trainer(bp.layers.standardize(), bp.layers.flatten()), x, epochs=1)
    assert made.task.learned[input_offset.KEY]["places"] == [1, 3]
    assert np.abs(made.task.inputs(x)[..., 1]).max() < 61


def test_a_table_a_file_a_second_fit_and_a_resumed_one_agree(tmp_path):
    table = NamedRows(X, ("x", "seconds"), ("float", "float"))
    made = fit(trainer(), table)
    made.save(tmp_path / "model")
    again = bp.Trainer.load(tmp_path / "model")
    swapped = NamedRows(X[:, ::-1], ("seconds", "x"), ("float", "float"))
    np.testing.assert_array_equal(again.predict(swapped), made.predict(table))
    made.checkpoint(tmp_path / "run")
    resumed = bp.Trainer.resume(tmp_path / "run")
    for each in (made, resumed):
        fit(each, table, epochs=2)
    assert made.predict(table).tobytes() == resumed.predict(table).tobytes()
    manifest = tensor_file.read_tensors(tmp_path / "model")[1]
    assert manifest["learned"][input_offset.KEY]["values"] == [pytest.approx(TIME.mean(), abs=1e-6)]


def test_the_command_line_trains_on_such_a_column_of_a_csv(tmp_path, monkeypatch):
    from bpframe.cli import main

    lines = [f"{a!r},{t!r},{y!r}" for (a, t), y in zip(X.tolist(), Y[:, 0].tolist(), strict=True)]
    (tmp_path / "data.csv").write_text("\n".join(["a,seconds,y", *lines]))
    config = """
    [data]
    source = "data.csv"
    target = "y"
    standardize = true
    test = { fraction = 0.25 }
    [[model.layers]]
    name = "dense"
    units = 16
    activation = "tanh"
    [[model.layers]]
    name = "dense"
    units = 1
    [loss]
    name = "mse"
    [optimizer]
    name = "adam"
    lr = 0.01
    [train]
    epochs = 60
    batch_size = 20
    """
    (tmp_path / "run.toml").write_text(config)
    monkeypatch.chdir(tmp_path)
    main(["train", "run.toml", "--name", "seconds"], standalone_mode=False)
    result = json.loads((tmp_path / "runs" / "seconds" / "test.json").read_text())
    assert result["r2"] > 0.9


def test_a_second_fit_on_other_times_keeps_the_offset_of_the_first():
    made = fit(trainer(), epochs=2)
    before = made.task.learned[input_offset.KEY]
    fit(made, X + np.array([0, 30]), epochs=1)
    assert made.task.learned[input_offset.KEY] == before


# where nothing was lost

HELD = np.column_stack([X[:, 0], 16_000_000 + np.floor(SECONDS)])  # below 2^24 float32 has all whole numbers


@pytest.mark.parametrize("x", [X.astype(np.float32), X - [0, 1.7e9], HELD, X * [1, 0], X * 0 + 0.1])
def test_columns_that_lose_nothing_keep_their_bits(x):
    made = fit(trainer(), x, epochs=1)
    assert input_offset.KEY not in made.task.learned
    np.testing.assert_array_equal(made.task.inputs(x), x.astype(np.float32))


def test_the_rows_of_the_user_are_not_written_to():
    x = X.copy()
    fit(trainer(), x, epochs=1)
    np.testing.assert_array_equal(x, X)
    made = fit(trainer(), epochs=1)
    narrow = X.astype(np.float32)
    made.predict(narrow)
    np.testing.assert_array_equal(narrow, X.astype(np.float32))


# where it cannot leave


@pytest.mark.parametrize("layers", [(bp.layers.dense(4),), (bp.layers.dense(4), bp.layers.standardize())])
def test_a_column_that_loses_its_values_is_named_where_standardize_is_not_first(layers):
    lost = len(np.unique(TIME)) - len(np.unique(TIME.astype(np.float32)))
    with pytest.warns(UserWarning, match=f"column 1 loses {lost} of its 200 values in float32. Put the layer standard"):
        fit(trainer(*layers), epochs=1)
    with pytest.warns(UserWarning, match="column 'seconds' loses"):
        fit(trainer(*layers), NamedRows(X, ("x", "seconds"), ("float", "float")), epochs=1)
    fit(trainer(*layers, dtype="float64"), epochs=1)


def test_targets_that_lose_their_values_are_named_where_they_are_not_standardised():
    y = 1.7e9 + Y
    with pytest.warns(UserWarning, match=r"y: column 0 loses \d+ of its 200 values in float32. Set standardize_target"):
        trainer().fit(X, y, epochs=1, verbose=0)
    trainer(standardize_target=True).fit(X, y, epochs=1, verbose=0)
    trainer(dtype="float64").fit(X, y, epochs=1, verbose=0)


def test_standardize_first_in_a_sequence_is_first():
    made = fit(trainer(bp.layers.sequential(["standardize", {"name": "dense", "units": 4}])), epochs=1)
    assert input_offset.KEY in made.task.learned


# estimators


def estimator(**options: Any) -> MLPRegressor:
    layers = [{"name": "standardize"}, {"name": "dense", "units": 16, "activation": "tanh"}]
    return MLPRegressor(hidden_layers=layers, learning_rate_init=0.01, random_state=0, **options)


def test_an_estimator_in_float32_agrees_with_one_in_float64_in_a_file_too(tmp_path):
    options = {"max_iter": 40, "n_iter_no_change": 1000, "batch_size": 20, "tol": 0.0}
    with pytest.warns(match="Maximum iterations"):
        narrow = estimator(dtype="float32", **options).fit(X, Y.ravel())
    with pytest.warns(match="Maximum iterations"):
        reference = estimator(**options).fit(X, Y.ravel())
    assert narrow.coefs_[0].dtype == np.float32
    np.testing.assert_allclose(narrow.predict(X), reference.predict(X), atol=5e-3)
    narrow.save(tmp_path / "model")
    np.testing.assert_array_equal(MLPRegressor.load(tmp_path / "model").predict(X), narrow.predict(X))


# files from strangers


@pytest.mark.parametrize(
    "offset",
    [
        {"places": [2], "values": [1.0]},
        {"places": [-1], "values": [1.0]},
        {"places": [1, 1], "values": [1.0, 2.0]},
        {"places": [0], "values": []},
        {"places": [0.5], "values": [1.0]},
        {"places": [1], "values": ["a"]},
        [1.0],
    ],
    ids=str,
)
def test_an_offset_that_is_none_of_the_rows_is_refused_at_load(tmp_path, offset):
    fit(trainer(), epochs=1).save(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    manifest["learned"][input_offset.KEY] = offset
    tensor_file.write_tensors(tmp_path / "model", tensors, manifest)
    with pytest.raises(CheckpointError, match="cannot be made into a model"):
        bp.Trainer.load(tmp_path / "model")
