"""The history of a run: a value an epoch in every curve, whichever epochs had it."""

from __future__ import annotations

import math

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
