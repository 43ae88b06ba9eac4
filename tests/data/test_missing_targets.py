"""Targets of which some are missing: labels of every type, and heads of which each knows its own gaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
GAP = np.arange(60) % 5 == 0
TEXT = np.where(X[:, 0] > 0, "up", "down").astype(object)
ENGINES = pytest.mark.parametrize("engine", ["numpy", "jax"])


def trainer(loss: Any, width: int, **parts: Any) -> bp.Trainer:
    network = bp.Network([bp.layers.dense(8, "tanh"), bp.layers.dense(width)])
    return bp.Trainer(network, loss, {"name": "adam", "lr": 0.01}, dtype="float64", **parts)


def evaluated(y: Any, loss: str = "softmax_cross_entropy", **options: Any) -> dict[str, float]:
    made = trainer(bp.losses.masked(loss), 2 if loss.startswith("softmax") else 1)
    made.fit(X, y, epochs=2, verbose=0, **options)
    return made.evaluate(X, y)


def with_gaps(values: Any, gap: Any) -> Any:
    return np.array([gap if missing else value for value, missing in zip(values, GAP, strict=True)], dtype=object)


def test_labels_with_gaps_of_every_type_train_alike():
    pandas = pytest.importorskip("pandas")
    flags = (X[:, 0] > 0).tolist()
    given = {
        "None": with_gaps(TEXT, None),
        "NaN": with_gaps(TEXT, np.nan),
        "list": with_gaps(TEXT, None).tolist(),
        "series": pandas.Series(with_gaps(TEXT, None), dtype="string"),
        "table": pandas.DataFrame({"way": with_gaps(TEXT, np.nan)}),
        "booleans": with_gaps(flags, None),
        "numbers": np.where(GAP, np.nan, flags),
    }
    found = {name: evaluated(y) for name, y in given.items()}
    assert all(values == found["numbers"] for values in found.values())


def test_labels_that_are_known_alone_count_and_come_back():
    y = with_gaps(TEXT, None)
    made = trainer(bp.losses.masked("softmax_cross_entropy"), 2)
    made.fit(X, y, epochs=30, verbose=0)
    assert set(made.predict_labels(X)) == {"up", "down"}
    assert made.evaluate(X, y)["accuracy"] == np.mean(made.predict_labels(X)[~GAP] == TEXT[~GAP])
    known = made.evaluate(X[~GAP], TEXT[~GAP])["loss"]
    assert made.evaluate(X, y)["loss"] == pytest.approx(known * np.mean(~GAP), rel=1e-12)  # the mean is over all rows


def test_class_weights_are_of_the_rows_whose_label_is_known():
    y = with_gaps(np.where(X[:, 0] > 0.7, "up", "down"), None)
    counts = [np.count_nonzero(y[~GAP] == label) for label in ("down", "up")]
    weights = dict(zip(("down", "up"), np.count_nonzero(~GAP) / (2 * np.array(counts)), strict=True))
    assert evaluated(y, class_weight="balanced") == evaluated(y, class_weight=weights)


@pytest.mark.parametrize("bad", [3, 2.5, ("a",)])
def test_what_is_neither_text_nor_a_gap_is_named(bad):
    y = with_gaps(TEXT, None)
    y[7] = bad
    with pytest.raises(DataError, match=r"y needs (text|labels)"):
        evaluated(y)


def test_a_loss_that_takes_no_gap_still_names_it():
    with pytest.raises(DataError, match="y needs text in every row, got None at row 0"):
        trainer("softmax_cross_entropy", 2).fit(X, with_gaps(TEXT, None), epochs=1, verbose=0)


# --------------------------------------------------------------------------------------------------------------- heads

SIZES = np.where(np.arange(60) % 3 == 0, np.nan, X[:, 1] ** 2)
TARGETS = {"way": with_gaps(TEXT, None), "size": SIZES}


def heads(**parts: Any) -> bp.Trainer:
    masked = [bp.losses.masked("softmax_cross_entropy"), bp.losses.masked("mse")]
    return trainer(bp.losses.heads(masked, [2, 1], names=["way", "size"]), 3, **parts)


@ENGINES
def test_each_head_leaves_out_what_it_does_not_know(engine):
    made = heads(engine=engine)
    made.fit(X, TARGETS, epochs=1, batch_size=60, shuffle=False, verbose=0)
    other = {"way": with_gaps(TEXT, None), "size": np.where(np.isnan(SIZES), np.nan, SIZES)}
    way, size = (made.predict(X)[:, part] for part in (slice(2), 2))
    named = (TEXT[~GAP] == "up").astype(int)
    loss = -np.log(way[~GAP][np.arange(len(named)), named]).sum() + 0.5 * np.nansum((size - SIZES) ** 2)
    measured = made.evaluate(X, other)
    assert measured["loss"] == pytest.approx(loss / 60, rel=1e-12)
    assert measured["size.mae"] == pytest.approx(np.nanmean(np.abs(size - SIZES)), rel=1e-12)
    assert measured["way.accuracy"] == np.mean(made.predict_labels(X)["way"][~GAP] == TEXT[~GAP])


def test_a_head_whose_row_is_missing_sends_nothing_back():
    alone, both = (
        trainer(bp.losses.heads([bp.losses.masked("mse")] * 2, [1, 1], names=["a", "b"]), 2) for _ in range(2)
    )
    nearly = {"a": X[:, 1], "b": np.where(np.arange(60) == 0, 1.0, np.nan)}
    weight = np.where(np.arange(60) == 0, 0.0, 1.0)  # the one row that b knows does not count
    alone.fit(X, nearly, epochs=2, verbose=0, sample_weight=weight)
    both.fit(X, {**nearly, "b": np.where(np.arange(60) == 0, 99.0, np.nan)}, epochs=2, verbose=0, sample_weight=weight)
    for name, value in alone.parameters.copy().items():
        np.testing.assert_array_equal(value, both.parameters[name])


@ENGINES
def test_a_run_of_heads_with_gaps_goes_on_from_its_middle_to_the_same_bytes(engine, tmp_path: Path):
    def run(resume: bool) -> bytes:
        made = heads(engine=engine)
        made.fit(X, TARGETS, epochs=2, verbose=0)
        if resume:
            made.checkpoint(tmp_path / "c")
            made = bp.Trainer.resume(tmp_path / "c")
        made.fit(X, TARGETS, epochs=2, verbose=0)
        return b"".join(value.tobytes() for value in made.parameters.copy().values())

    assert run(True) == run(False)


def test_heads_take_columns_with_gaps_side_by_side_and_standardise_what_is_known():
    y = np.column_stack([np.where(GAP, np.nan, 100 + X[:, 1]), SIZES])
    loss = bp.losses.heads([bp.losses.masked("mse")] * 2, [1, 1], names=["a", "b"])
    columns, mapping = (trainer(loss, 2, standardize_target=True) for _ in range(2))
    columns.fit(X, y, epochs=2, verbose=0)
    mapping.fit(X, {"a": y[:, 0], "b": y[:, 1]}, epochs=2, verbose=0)
    np.testing.assert_array_equal(columns.predict(X), mapping.predict(X))
    assert abs(columns.predict(X)[:, 0].mean() - 100) < 1
    with pytest.raises(DataError, match="y of head 'a': y needs finite numbers, got nan at row 0"):
        trainer(bp.losses.heads(["mse", bp.losses.masked("mse")], [1, 1], names=["a", "b"]), 2).fit(X, y, verbose=0)
