"""The history of a run: a value an epoch in every curve, whichever epochs had it."""

from __future__ import annotations

import math
import re

import pytest

from bpframe.training.history import History


def run(*validated: bool) -> History:
    """A history of one epoch for each flag: whether it had validation data."""
    history = History()
    for i, flag in enumerate(validated):
        train = {"loss": 1.0 / (i + 1), "objective": 2.0 / (i + 1), "accuracy": 0.1 * i}
        validation = {"loss": 3.0 / (i + 1), "accuracy": 0.05 * i} if flag else {}
        history.append(train, validation, 0.1 * (i + 1), 10 * (i + 1), 0.5)
    return history


def test_a_new_history_is_empty():
    history = History()
    assert len(history) == 0
    assert list(history.epochs()) == []
    assert (history.train, history.validation, history.lr, history.step, history.seconds) == ({}, {}, [], [], [])


def test_two_histories_share_no_list():
    one, two = History(), History()
    one.append({"loss": 1.0}, {}, 0.1, 1, 0.1)
    assert len(two) == 0
    assert two.train == {}


def test_every_curve_has_one_value_an_epoch():
    history = run(True, True, True)
    assert len(history) == 3
    assert history.train == {
        "loss": [1.0, 1 / 2, 1 / 3],
        "objective": [2.0, 1.0, 2 / 3],
        "accuracy": [0.0, 0.1, 0.2],
    }
    assert history.validation == {"loss": [3.0, 1.5, 1.0], "accuracy": [0.0, 0.05, 0.1]}
    assert history.step == [10, 20, 30]
    assert history.lr == pytest.approx([0.1, 0.2, 0.3])
    assert history.seconds == [0.5] * 3


def test_without_validation_its_curves_are_there_and_empty_but_there_is_no_objective():
    assert run(False, False).validation == {"loss": [], "accuracy": []}


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        ((False, True), [True, False]),
        ((False, False, True, True), [True, True, False, False]),
        ((True, False, True), [False, True, False]),
    ],
)
def test_an_epoch_without_validation_before_one_that_had_it_counts_as_nan(flags, missing):
    history = run(*flags)
    for curve in history.validation.values():
        assert [math.isnan(value) for value in curve] == missing


def test_a_curve_that_ends_early_stays_short_until_it_goes_on():
    history = run(True, False)
    assert history.validation["loss"] == [3.0]
    history.append({"loss": 0.0}, {"loss": 9.0}, None, 30, 0.1)
    assert history.validation["loss"][0] == 3.0
    assert math.isnan(history.validation["loss"][1])
    assert history.validation["loss"][2] == 9.0


def test_a_metric_that_comes_later_starts_with_nan():
    history = run(True)
    history.append({"loss": 1.0, "mae": 0.3}, {"loss": 1.0, "mae": 0.4}, 0.1, 20, 0.5)
    for curves, value in ((history.train, 0.3), (history.validation, 0.4)):
        assert math.isnan(curves["mae"][0])
        assert curves["mae"][1] == value


def test_a_record_holds_what_the_epoch_had_and_counts_from_one():
    records = list(run(False, True).epochs())
    assert records[0] == {
        "epoch": 1,
        "step": 10,
        "lr": 0.1,
        "train": {"loss": 1.0, "objective": 2.0, "accuracy": 0.0},
        "validation": {},
        "seconds": 0.5,
    }
    assert records[1]["epoch"] == 2
    assert records[1]["validation"] == {"loss": 1.5, "accuracy": 0.05}


def test_minus_one_is_the_latest_record():
    history = run(True, True, False)
    assert history.record(-1) == history.record(2) == list(history.epochs())[-1]
    assert history.record(-3)["epoch"] == 1


@pytest.mark.parametrize("i", [3, -4])
def test_an_epoch_that_was_not_is_an_index_error(i):
    with pytest.raises(IndexError):
        run(True, True, True).record(i)


@pytest.mark.parametrize("i", [0, -1])
def test_an_empty_history_has_no_record(i):
    with pytest.raises(IndexError):
        History().record(i)


def test_a_rule_without_a_rate_has_none():
    history = History()
    history.append({"loss": 1.0}, {}, None, 5, 0.1)
    assert history.lr == [None]
    assert history.record(0)["lr"] is None


def test_the_printed_form_names_epochs_and_curves():
    assert repr(run(True, True)) == (
        "<History of 2 epochs: train.loss, train.objective, train.accuracy, validation.loss, validation.accuracy>"
    )


def test_a_column_is_found_by_its_name_or_by_that_of_its_curve_in_training():
    history = run(True, False, True)
    assert history["loss"] == history["train.loss"] == history.train["loss"]
    assert history["epoch"] == [1, 2, 3]
    assert history["step"] == history.step
    values = history["validation.accuracy"]
    assert math.isnan(values[1])
    assert [values[0], values[2]] == [history.validation["accuracy"][i] for i in (0, 2)]
    assert len(history["validation.loss"]) == len(run(True, False)["validation.loss"]) + 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("val_loss", "Did you mean 'validation.loss'"),
        ("train.acuracy", "Did you mean 'train.accuracy'"),
        ("zzz", "Curves: epoch,"),
    ],
)
def test_a_curve_that_is_not_there_is_a_key_error_that_lists_those_that_are(name, told):
    history = run(True)
    assert name not in history
    with pytest.raises(KeyError, match=re.escape(told)):
        history[name]


def test_a_history_is_a_table_of_pandas_and_of_polars():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    history = run(True, True)
    for frame in (pandas.DataFrame(history), polars.DataFrame(dict(history))):
        assert list(frame.columns) == history.keys()
        assert list(frame["train.loss"]) == history["loss"]
        assert list(frame["epoch"]) == [1, 2]
    assert len(pandas.DataFrame(History())) == 0


def test_iteration_gives_the_rows():
    history = run(True, False)
    rows = list(history)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[0] == history.row(0) == history.row(-2)
    assert list(rows[1]) == history.keys() == list(history.row(1))


def test_a_long_history_prints_its_first_and_last_epochs():
    lines = str(run(*[True] * 90)).splitlines()
    assert len(lines) == 21
    assert lines[0].split()[:2] == ["epoch", "train.loss"]
    assert [line.split()[0] for line in lines[10:13]] == ["10", "...", "82"]
