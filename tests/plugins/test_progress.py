"""The callback progress: what it shows in a terminal, a notebook and elsewhere, and that it ends no training."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError

RNG = np.random.default_rng(3)
X, XV = RNG.normal(size=(30, 4)), RNG.normal(size=(12, 4))
Y, YV = X.sum(axis=1), XV.sum(axis=1)


class Terminal(io.StringIO):
    """A terminal that keeps what is written."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a property of a text stream, too
        return self._encoding

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """What stood on the line, one after another."""
        return self.getvalue().rstrip("\n").split("\r")[1:]


class Broken(Terminal):
    """A stream that can be written to once."""

    def __init__(self, error: Exception, tty: bool) -> None:
        super().__init__()
        self._error, self._tty, self.calls = error, tty, 0

    def isatty(self) -> bool:
        return self._tty

    def write(self, text: str) -> int:
        self.calls += 1
        if self.calls > 1:
            raise self._error
        return len(text)


class EveryBlock:
    """A callback that makes an epoch a block, as one with batch hooks would."""

    @bp.hookimpl
    def bpframe_epoch_end(self, state: Any) -> None:
        """Nothing."""


def fit(*callbacks: Any, epochs: int = 5, **settings: Any) -> Any:
    network = bp.Network([bp.layers.dense(3, activation="tanh"), bp.layers.dense(1)])
    trainer = bp.Trainer(network, "mse", "sgd", callbacks=[EveryBlock(), *callbacks], **settings)
    trainer.fit(X, Y, epochs=epochs, batch_size=10, validation=(XV, YV), verbose=0)
    return trainer


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes a stream stdout, a new terminal by default; every block is shown."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("bpframe_callbacks.progress.REFRESH_SECONDS", 0.0)

    def change(stream: Any = None) -> Any:
        stream = stream or Terminal()
        monkeypatch.setattr(sys, "stdout", stream)
        return stream

    return change


# ---------------------------------------------------------------------------------------------------- what is shown


@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (20, 20), (21, 11), (99, 20)])
def test_elsewhere_it_prints_at_most_twenty_lines_and_the_last_epoch(
    epochs: int, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    fit("progress", epochs=epochs)
    told = capsys.readouterr()
    shown = told.out.splitlines()
    assert (len(shown), told.err) == (lines, "")
    assert re.fullmatch(rf"epoch +{epochs}/{epochs}  loss \S+  validation r2 \S+  [\d,]+ steps/s", shown[-1])


def test_a_line_tells_the_loss_and_the_metric_of_its_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    history = fit({"name": "progress", "every": 1, "stream": "stderr"}).history
    told = capsys.readouterr()
    assert told.out == ""
    numbers = [tuple(map(float, re.findall(r"(?:loss|r2) (\S+)", line))) for line in told.err.splitlines()]
    assert numbers == [
        (pytest.approx(loss, rel=1e-3, abs=1e-4), pytest.approx(r2, rel=1e-3, abs=1e-4))
        for loss, r2 in zip(history["train.loss"], history["validation.r2"], strict=True)
    ]


def test_the_last_line_tells_what_is_gathered_for_the_next_fit(capsys: pytest.CaptureFixture[str]) -> None:
    network = bp.Network([bp.layers.dense(1)])
    made = bp.Trainer(network, "mse", gradient_steps=[bp.gradient_steps.accumulate(4)])
    for rest in (2, 0):  # of 5 batches twice, and of 5 batches twice more
        made.fit(X, Y, epochs=2, batch_size=6, verbose=2)
        first, last = capsys.readouterr().out.splitlines()[-2:]
        assert "gathered" not in first
        assert last.endswith(f"{rest} of 4 batches gathered") == bool(rest)


def test_a_fit_that_validates_nothing_shows_a_metric_of_training(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = fit({"name": "progress", "every": 1}, epochs=1)
    trainer.fit(X, Y, epochs=1, verbose=0)
    first, second = capsys.readouterr().out.splitlines()
    assert ("validation r2 " in first, "train r2 " in second) == (True, True)


def test_a_long_epoch_has_a_line_a_minute(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    class Clock:
        """Time that goes on by 25 s a step."""

        now = time.perf_counter()

        @bp.hookimpl
        def bpframe_batch_end(self, state: Any) -> None:
            Clock.now += 25.0

    monkeypatch.setattr("bpframe_callbacks.progress.time.perf_counter", lambda: Clock.now)
    fit(Clock(), "progress", epochs=50)
    lines = capsys.readouterr().out.splitlines()
    within = [line.replace("epoch", "").split()[:2] for line in lines if "%" in line]
    assert within[:2] == [["1/50", "2%"], ["2/50", "4%"]]  # after three steps of 25 s
    epochs = [int(line.split()[1].partition("/")[0]) for line in lines if "%" not in line]
    assert epochs == [*range(3, 50, 3), 50]


def test_an_interrupt_shows_the_last_whole_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    class Stop:
        @bp.hookimpl
        def bpframe_batch_end(self, state: Any) -> None:
            if state.step == 8:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(Stop(), {"name": "progress", "every": 5})
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("epoch 2/5  loss ")


@pytest.mark.parametrize("columns", [15, 40, 80, 200])
def test_in_a_terminal_it_is_one_line_that_fits(columns: int, use: Any, monkeypatch: Any) -> None:
    terminal = use()
    monkeypatch.setenv("COLUMNS", str(columns))
    fit("progress")
    assert len(terminal.lines) > 5
    assert max(map(len, terminal.lines)) < columns
    assert terminal.lines[-1].startswith("epoch 5/5")
    assert terminal.getvalue().endswith("\n")
    assert ("━━" in terminal.lines[-1], "─" in terminal.lines[-1]) == (columns >= 40, False)


def test_a_shorter_line_leaves_nothing_of_a_longer_one(use: Any) -> None:
    terminal = use()
    fit("progress", epochs=30)
    lengths = [len(line.rstrip()) for line in terminal.lines]
    written = [len(line) for line in terminal.lines]
    assert all(now >= before for before, now in zip(lengths, written[1:], strict=False))


def test_a_terminal_that_lacks_the_signs_of_the_bar_shows_others(use: Any) -> None:
    stream = use(Terminal("ascii"))
    fit("progress")
    assert "====" in stream.lines[-1]
    assert stream.getvalue().isascii()


def test_a_dumb_terminal_has_lines(use: Any, monkeypatch: Any) -> None:
    terminal = use()
    monkeypatch.setenv("TERM", "dumb")
    fit("progress")
    assert "\r" not in terminal.getvalue()
    assert len(terminal.getvalue().splitlines()) == 5


def test_an_early_stop_leaves_the_bar_where_it_was(use: Any) -> None:
    terminal = use()
    trainer = fit({"name": "early_stopping", "patience": 1, "min_delta": 1e6}, "progress", epochs=20)
    assert len(trainer.history) == 2
    assert terminal.lines[-1].startswith("epoch  2/20  ")
    assert 0.05 < terminal.lines[-1].count("━") / len(re.findall("[━─]", terminal.lines[-1])) < 0.15


def test_an_exception_ends_the_line(use: Any) -> None:
    terminal = use()

    class Stop:
        @bp.hookimpl
        def bpframe_epoch_end(self, state: Any) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit("progress", Stop())
    assert terminal.getvalue().endswith("\n")


def test_a_delay_keeps_short_fits_silent(use: Any) -> None:
    terminal = use()
    fit({"name": "progress", "delay": 1000.0})
    assert terminal.getvalue() == ""


class Handle:
    """A display of IPython's, of which one test keeps what it is given."""

    def __init__(self, shown: list[Any]) -> None:
        self.shown = shown

    def update(self, content: Any, raw: bool) -> None:
        self.shown.append(content)


def test_in_a_notebook_it_updates_one_display(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    shown: list[Any] = []

    def display(content: Any, raw: bool, display_id: bool) -> Handle:
        shown.append(content)
        return Handle(shown)

    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]  # stands for it
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))  # type: ignore[arg-type]  # stands for it
    fit("progress")
    assert capsys.readouterr().out == ""
    assert len(shown) >= 2
    assert shown[-1]["text/plain"].startswith("epoch 5/5  loss ")
    assert '<progress max="1" value="1.0000">' in shown[-1]["text/html"]
    assert shown[-1]["text/html"].count("<polyline") == 2  # training and validation
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace())  # type: ignore[arg-type]  # a front end that fails
    assert len(fit("progress").history) == 5


# ------------------------------------------------------------------------------------------------ it ends no training


FAULTS = [OSError(28, "No space left"), BrokenPipeError(), ValueError("I/O operation on closed file"), RuntimeError()]


@pytest.mark.parametrize("tty", [True, False])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_stream_that_cannot_be_written_costs_the_fit_nothing(fault: Any, tty: bool, use: Any) -> None:
    silent = fit(seed=4)
    stream = use(Broken(fault, tty))
    shown = fit("progress", seed=4)
    assert stream.calls == 2
    assert shown.history["loss"] == silent.history["loss"]
    assert all(np.array_equal(value, shown.parameters[name]) for name, value in silent.parameters.items())


@pytest.mark.parametrize("stream", [None, object(), io.TextIOWrapper(io.BytesIO(), "ascii")])
def test_a_stream_that_is_none_or_odd_costs_the_fit_nothing(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if isinstance(stream, io.TextIOWrapper):
        stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    assert len(fit("progress").history) == 5


def test_a_metric_that_the_encoding_lacks_is_shown_as_well_as_can_be(use: Any) -> None:
    class Größe:
        of, best = "predictions", "min"

        def value(self, prediction: Any, target: Any, weight: Any) -> float:
            return 1.0

    stream = use(Terminal("ascii"))
    fit("progress", metrics=[Größe()])
    assert "val gr??e 1.0000" in stream.lines[-1]


SCRIPT = """
import numpy as np, bpframe as bp
x = np.ones((300, 3))
trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", callbacks=[{"name": "progress", "every": 1}])
trainer.fit(x, x[:, 0], epochs=1000, batch_size=300)
open("done", "w").write(str(len(trainer.history)))
"""


@pytest.mark.parametrize("redirection", ["| head -1", "> /dev/full", ">&-"])
def test_a_script_whose_output_is_gone_trains_to_its_end(redirection: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = f"{sys.executable} script.py {redirection}; echo ${{PIPESTATUS[0]}} > code"
    told = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (tmp_path / "code").read_text() == "0\n"
    assert (tmp_path / "done").read_text() == "1000"
    assert told.stderr == ""


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"every": 0}, "progress needs a whole number of at least 1 as every, got 0"),
        ({"delay": -1.0}, "progress needs a number of at least 0 as delay, got -1.0"),
        ({"stream": "file"}, "stream"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        bp.build("callback", {"name": "progress", **settings})
