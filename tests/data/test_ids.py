"""Ids outside of an embedding's table are named where rows come in, on every engine and at every door.

Shapes: x (3, 2) ids below 5, y (3,) of two classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import DataError, NumericalError
from bpframe.sklearn import MLPClassifier
from bpframe.testing.suite import all_checks
from tests.cli.commands import bad, good, write_rows

GOOD, Y = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 3.0]]), np.array([0, 1, 0])
OUTSIDE = r"id 53 is outside 0 .. 4 \(num_embeddings 5\), at row 2, column 1"


def ids(at: float) -> Any:
    x = GOOD.copy()
    x[2, 1] = at
    return x


def embedding() -> Any:
    return bp.layers.embedding(5, 3, label="table")


def trainer(*first: Any, **settings: Any) -> Any:
    layers = [*(first or (embedding(),)), "flatten", bp.layers.dense(2)]
    return bp.Trainer(bp.Network(layers), "softmax_cross_entropy", **settings)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
def test_every_door_of_a_trainer_names_an_id_outside_of_the_table(engine):
    made = trainer(engine=engine)
    for door in (lambda x: made.fit(x, Y, epochs=1), lambda x: made.trace(x, Y)):
        with pytest.raises(DataError, match=f"^x for layer 'table': {OUTSIDE}"):
            door(ids(53))
    with pytest.raises(DataError, match=f"^validation x for layer 'table': {OUTSIDE}"):
        made.fit(GOOD, Y, epochs=1, validation=(ids(53), Y))
    made.fit(GOOD, Y, epochs=1)
    for door in (made.predict, made.predict_labels, made.scores, lambda x: made.evaluate(x, Y)):
        with pytest.raises(DataError, match=f"^x for layer 'table': {OUTSIDE}"):
            door(ids(53))
    assert len(made.history) == 1


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (5, r"id 5 is outside 0 \.\. 4"),
        (-1, r"id -1 is outside 0 \.\. 4"),
        (2.5, r"ids are whole numbers from 0 to 4, got 2\.5 at row 2, column 1"),
        (4.4, r"ids are whole numbers from 0 to 4, got 4\.4"),
    ],
)
def test_negative_and_fractional_ids_are_named_too(at, words):
    with pytest.raises(DataError, match=words):
        trainer().fit(ids(at), Y, epochs=1)


def test_rounding_of_ids_that_were_computed_is_allowed():
    trainer(dtype="float64").fit(GOOD + 1e-7, Y, epochs=1)


@pytest.mark.parametrize("hidden_layer", ["numpy", "jax"])
def test_estimators_name_it_in_fit_and_predict(hidden_layer):
    settings: dict[str, Any] = {"solver": "sgd", "max_iter": 1, "tol": 0.0, "engine": hidden_layer}
    model = MLPClassifier(hidden_layers=[embedding(), "flatten"], **settings)
    with pytest.raises(DataError, match=OUTSIDE):
        model.fit(ids(53), Y)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(GOOD, Y)
    for door in (model.predict, model.predict_proba):
        with pytest.raises(DataError, match=OUTSIDE):
            door(ids(53))


CONFIG = """\
loss = "softmax_cross_entropy"
[data]
source = "rows.npz"
[[model.layers]]
name = "embedding"
num_embeddings = 5
embedding_dim = 3
[[model.layers]]
name = "flatten"
[[model.layers]]
name = "dense"
units = 2
[train]
epochs = 1
"""


def test_the_command_line_names_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(CONFIG)
    write_rows(tmp_path, ids(53), Y)
    assert "id 53 is outside 0 .. 4 (num_embeddings 5)" in " ".join(bad(3, "train", "c.toml", "--quiet").split())
    write_rows(tmp_path, GOOD, Y)
    good("train", "c.toml", "--quiet")
    np.save(tmp_path / "new.npy", ids(53))
    assert "id 53 is outside" in " ".join(bad(3, "predict", "runs/c", "new.npy", "-o", "out.csv").split())


@pytest.mark.parametrize(
    "first",
    [
        (bp.layers.reshape((1, 2)), embedding()),
        (bp.layers.flatten(), embedding()),
        (bp.layers.sequential([bp.layers.flatten(), embedding()]),),
        (bp.layers.parallel([embedding(), bp.layers.embedding(90, 3)]),),
        (bp.layers.residual([bp.layers.sequential([embedding(), "flatten", bp.layers.dense(2)])]),),
    ],
)
def test_ids_are_seen_through_layers_that_pass_rows_on(first):
    with pytest.raises(DataError, match=r"layer 'table': id 53 is outside 0 \.\. 4"):
        trainer(*first).fit(ids(53), Y, epochs=1)


def test_behind_a_layer_that_makes_other_numbers_training_stops_at_the_embedding():
    with pytest.raises(NumericalError, match="First in layer 'table'"):
        trainer(bp.layers.dense(2), embedding()).fit(GOOD - 30, Y, epochs=1)


@pytest.mark.parametrize("layer", [embedding(), bp.layers.sequential(["flatten"])])
def test_the_kit_checks_what_a_layer_says_of_its_inputs(layer):
    all_checks("layer", layer)["checked inputs"]()
