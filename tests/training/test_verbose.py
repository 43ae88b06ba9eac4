"""`fit(verbose=...)`: what is shown, when, and that it is no part of what is trained."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import bpframe as bp
from bpframe.errors import ConfigError
from bpframe.training import verbose as module
from tests.training.problems import XV, YV, X, Y, regressor

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any fit lasts long enough for "auto"."""
    monkeypatch.setattr(module, "AUTO_SECONDS", 0.0)
    monkeypatch.setitem(module.SETTINGS, "auto", {"stream": "stderr"})


def fit(verbose: Any = "auto", epochs: int = 3, **settings: Any) -> Any:
    trainer = regressor(**settings)
    trainer.fit(X, Y, epochs=epochs, validation=(XV, YV), verbose=verbose)
    return trainer


@pytest.mark.parametrize("verbose", ["yes", "", 3, -1, None, 1.0, [], "1"])
def test_other_values_are_refused_before_anything_changes(verbose: Any) -> None:
    trainer = regressor()
    with pytest.raises(ConfigError, match=r'Trainer.fit needs "auto", 0, 1 or 2 as verbose, got '):
        trainer.fit(X, Y, verbose=verbose)
    assert len(trainer.history) == 0
    assert trainer.task.shape is None


@pytest.mark.parametrize(
    ("verbose", "epochs", "lines"), [(0, 3, 0), (False, 3, 0), (1, 40, 20), (True, 40, 20), (2, 40, 40)]
)
def test_what_is_asked_for_goes_to_stdout(verbose: Any, epochs: int, lines: int, capsys: Capture) -> None:
    fit(verbose, epochs)
    told = capsys.readouterr()
    assert (len(told.out.splitlines()), told.err) == (lines, "")


def test_auto_is_silent_in_a_short_fit_and_does_not_even_load_the_callback(monkeypatch: Any, capsys: Capture) -> None:
    monkeypatch.setattr(module, "build", None)
    fit()
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("at_once")
def test_auto_prints_lines_on_stderr_where_there_is_no_terminal(capsys: Capture) -> None:
    fit(epochs=40)
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 20


@pytest.mark.usefixtures("at_once")
def test_auto_is_silent_in_other_threads_and_in_child_processes(monkeypatch: Any, capsys: Capture) -> None:
    thread = threading.Thread(target=fit)
    thread.start()
    thread.join()
    monkeypatch.setattr(multiprocessing.process, "parent_process", lambda: object())
    assert sys.modules["multiprocessing.process"]
    fit()
    assert capsys.readouterr() == ("", "")
    fit(2)
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_fit_that_has_the_callback_shows_it_once(capsys: Capture) -> None:
    fit(2, callbacks=[{"name": "progress", "every": 1}])
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.usefixtures("at_once")
def test_what_fits_inside_is_silent(capsys: Capture) -> None:
    bp.lr_range_test(regressor(), X, Y, steps=10)
    bp.testing.check("loss", "mse")
    sklearn = pytest.importorskip("bpframe.sklearn")
    sklearn.MLPRegressor(max_iter=3, tol=1e9, n_iter_no_change=1).fit(X, Y)
    assert capsys.readouterr() == ("", "")


def test_it_is_no_part_of_the_run_and_may_be_another_when_it_goes_on(tmp_path: Path, capsys: Capture) -> None:
    silent, shown = fit(0), fit(2)
    for name, trainer in (("silent", silent), ("shown", shown)):
        trainer.save(tmp_path / name)
    assert (tmp_path / "silent").read_bytes() == (tmp_path / "shown").read_bytes()
    shown.checkpoint(tmp_path / "checkpoint")
    again = bp.Trainer.resume(tmp_path / "checkpoint")
    assert again.callbacks == shown.callbacks
    assert again.fit(X, Y, epochs=2, verbose=2)["loss"] == silent.fit(X, Y, epochs=2, verbose=0)["loss"]


def test_epochs_run_on_as_they_do_without_it() -> None:
    class Blocks:
        """Counts blocks."""

        count = 0

        @bp.hookimpl
        def bpframe_block_end(self, state: Any) -> None:
            Blocks.count += 1

    for verbose in (0, 1):
        trainer = regressor(callbacks=[Blocks()], metrics=[])
        trainer.fit(X, Y, epochs=20, verbose=verbose)
        assert Blocks.count == 1
        Blocks.count = 0
