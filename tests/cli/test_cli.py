"""The command line: what it leaves, what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import bpframe as bp
from bpframe import datasets
from bpframe.cli import main
from bpframe.cli.exit_codes import CODES, SigtermReceived, error_message, exit_code
from bpframe.errors import BpframeError, ConfigError, NumericalError
from bpframe.registry import KINDS
from bpframe.runs import config
from bpframe.testing import Report
from tests.cli.commands import COMMAND, interrupted
from tests.conftest import Site

SMALL = """\
loss = "softmax_cross_entropy"
[data]
source = { name = "moons", points = 60 }
validation = { fraction = 0.2 }
test = { fraction = 0.25, kind = "stratified" }
[[model.layers]]
name = "dense"
units = 2
[train]
epochs = 2
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test runs in a folder of its own, which holds small.toml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BPFRAME_PLUGINS", raising=False)
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path


def bpframe(*arguments: object) -> Result:
    """The command, run in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def good(*arguments: object) -> str:
    """What the command prints; it must end well and leave stderr empty."""
    result = bpframe(*arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def bad(exit_code: int, *arguments: object) -> str:
    """What the command says on stderr: it must end with this code, and without a traceback."""
    result = bpframe(*arguments)
    assert result.exit_code == exit_code, result.output
    assert "Traceback" not in result.output
    return result.stderr


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# --------------------------------------------------------------------------------------------------------------- train


def test_train_leaves_a_run_folder_and_ends_with_one_line_that_sums_it_up(folder: Path) -> None:
    last = good("train", "small.toml").splitlines()[-1]
    assert re.fullmatch(r"test loss \d\.\d{4}, test accuracy \d\.\d{4}, \d+\.\d s, runs/small", last)
    names = {"config.toml", "run.lock.toml", "history.jsonl", "model.safetensors", "test.json"}
    assert {file.name for file in (folder / "runs" / "small").iterdir()} == names


def test_the_files_of_a_run_tell_the_same_as_the_python_api(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    run = folder / "runs" / "small"
    loaded = config.load("small.toml")
    parts, trainer = loaded.data(), loaded.trainer()
    history = trainer.fit(*parts.train, epochs=2, validation=parts.validation)
    assert json.loads((run / "test.json").read_text()) == {**trainer.evaluate(*parts.test), "rows": 15}
    assert [record["train"]["loss"] for record in records(run / "history.jsonl")] == history.train["loss"]
    assert (run / "config.toml").read_text() == loaded.text()
    for name, value in bp.Trainer.load(run / "model.safetensors").parameters.items():
        np.testing.assert_array_equal(value, trainer.parameters[name])


def test_a_second_run_gets_a_folder_of_its_own_and_repeats_the_first(folder: Path) -> None:
    good("train", "small.toml")
    assert good("train", "small.toml").splitlines()[-1].endswith("runs/small-2")
    assert (folder / "runs/small-2/test.json").read_text() == (folder / "runs/small/test.json").read_text()


def test_options_override_the_config_and_choose_the_folder(folder: Path) -> None:
    options = ["--set", "model.layers.0.label=out", "--set", "train.batch_size=7", "--engine", "numpy", "--epochs", "3"]
    last = good("train", "small.toml", *options, "--name", "mine", "--runs", "deep/down", "--quiet")
    assert last.endswith("deep/down/mine\n")
    settings = config.load(folder / "deep/down/mine/config.toml").settings
    assert (settings.train.epochs, settings.train.batch_size) == (3, 7)
    assert len(records(folder / "deep/down/mine/history.jsonl")) == 3
    assert "out/weight" in bp.Trainer.load(folder / "deep/down/mine/model.safetensors").parameters


def test_the_example_config_trains(folder: Path) -> None:
    example = Path(__file__).parents[2] / "docs" / "examples" / "digits.toml"
    assert "test accuracy 0." in good("train", example, "--epochs", 2, "--quiet")


@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (3, 3), (20, 20), (21, 11), (99, 20), (100, 20)])
def test_where_there_is_no_terminal_progress_is_at_most_twenty_lines_and_one_for_the_last_epoch(
    epochs: int, lines: int
) -> None:
    *progress, _ = good("train", "small.toml", "--epochs", epochs).splitlines()
    assert len(progress) == lines
    expected = rf"epoch +{epochs}/{epochs}  loss \d\.\d{{4}}  validation accuracy \d\.\d{{4}}  [\d,]+ steps/s"
    assert re.fullmatch(expected, progress[-1])


def test_quiet_shows_the_last_line_alone() -> None:
    assert len(good("train", "small.toml", "--quiet").splitlines()) == 1


def test_an_early_stop_is_told_with_its_reason(folder: Path) -> None:
    stopping = '[[callbacks]]\nname = "early_stopping"\npatience = 1\nmin_delta = 1000\n'
    (folder / "small.toml").write_text(SMALL + stopping)
    lines = good("train", "small.toml", "--epochs", "50").splitlines()
    assert re.fullmatch(r"epoch  2/50 .*", lines[-3])
    assert lines[-2].startswith("Stopped early: validation.loss has not improved for 1 epochs")


def test_without_a_test_part_the_next_best_part_is_measured_and_named(folder: Path) -> None:
    (folder / "small.toml").write_text(SMALL.replace("test =", "# test ="))
    assert good("train", "small.toml", "--quiet").startswith("validation loss ")
    assert not (folder / "runs/small/test.json").exists()
    (folder / "small.toml").write_text(SMALL.replace("test =", "# test =").replace("validation =", "# validation ="))
    assert good("train", "small.toml", "--quiet").startswith("train loss ")


def on_a_terminal(*arguments: str, columns: str = "100") -> str:
    """What the command writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": columns}
    command = [sys.executable, "-c", COMMAND, *arguments]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 4096):
            written += chunk
    except OSError:  # how Linux says that the other side has gone
        pass
    os.close(ours)
    assert process.wait(60) == 0, written
    return written.decode()


def test_on_a_terminal_progress_is_a_bar_that_gives_the_cursor_back() -> None:
    written = on_a_terminal("train", "small.toml")
    assert re.search(r"epoch .*2/2.*━━.*loss .*val accuracy .*steps/s", written)
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
    assert re.search(r"test loss [^\x1b]*runs/small\r\n$", written)


def test_on_a_terminal_the_bar_says_what_a_compiled_run_waits_for() -> None:
    assert re.search(r"epoch 0/2 .*compiling.*epoch 2/2", on_a_terminal("train", "small.toml", "--engine", "jax"), re.S)
    assert "compiling" not in on_a_terminal("train", "small.toml")


def test_a_run_on_a_device_says_which(folder: Path) -> None:
    assert re.search(r", on cpu:0, \d+\.\d s, runs/small$", good("train", "small.toml", "--engine", "jax").strip())


def test_on_a_terminal_each_component_has_one_line_however_narrow() -> None:
    _, *lines = on_a_terminal("plugins", columns="50").splitlines()
    assert len(lines) > 30
    assert {line.split()[0] for line in lines} <= set(KINDS)  # no line is the rest of another
    assert max(map(len, lines)) <= 50


# -------------------------------------------------------------------------------------------------------------- errors


def test_every_error_of_bpframe_has_the_documented_exit_code() -> None:
    expected = {
        "BpframeError": 70,
        "ConfigError": 2,
        "DataError": 3,
        "ShapeError": 3,
        "RangeError": 3,
        "NumericalError": 4,
        "CheckpointError": 5,
        "PluginError": 6,
        "UnknownComponent": 2,
        "AmbiguousComponent": 6,
        "BlockedComponent": 6,
        "BrokenComponent": 6,
        "IncompatibleComponent": 6,
        "CheckFailed": 1,
    }
    kinds = [kind for kind in vars(bp.errors).values() if isinstance(kind, type) and issubclass(kind, BpframeError)]
    assert {kind.__name__: exit_code(kind("message")) for kind in kinds} == expected
    assert (exit_code(KeyboardInterrupt()), exit_code(SigtermReceived()), exit_code(ValueError())) == (130, 143, 70)
    assert len(CODES) == len({kind for kind, _ in CODES})


def test_a_note_is_told_after_the_message() -> None:
    error = NumericalError("It diverged.")
    error.add_note("The model is saved.")
    assert error_message(error) == "NumericalError: It diverged. The model is saved."
    assert error_message(ConfigError("a.toml:3: wrong")) == "a.toml:3: wrong"


CONFIG_ERRORS: list[tuple[list[str], str]] = [
    (["nowhere.toml"], "nowhere.toml: a config needs to be a readable file"),
    (["small.toml", "--set", "loss=hubr"], "--set loss: loss.name: no loss named 'hubr'. Did you mean 'huber'?"),
    (["small.toml", "--epochs", "0"], "--epochs: wants a number of at least 1, got 0."),
    (["small.toml", "--engine", "jacks"], "--engine: train.engine.name: no engine named 'jacks'."),
    (["small.toml", "--set", "optimizer.lr"], "--set needs KEY=VALUE"),
    (["small.toml", "--set", "model.layers.0.unit=3"], "--set model.layers.0.unit: Dense has no argument 'unit'."),
    (["small.toml", "--name", "a/b"], "--name needs a plain file name, got 'a/b'."),
    (["small.toml", "--set", "callbacks=[{name='early_stopping', monitor='x'}]"], "early_stopping monitors 'x'"),
    (["small.toml", "--set", "data.source.points=0"], "small.toml:3: data.source: points of moons needs"),
    (["small.toml", "--epochs", "many"], "Invalid value for '--epochs'"),
    (["--unknown"], "No such option"),
]


@pytest.mark.parametrize(("arguments", "told"), CONFIG_ERRORS)
def test_a_wrong_config_ends_with_2_and_leaves_nothing(folder: Path, arguments: list[str], told: str) -> None:
    assert told in bad(2, "train", *arguments)
    assert [file.name for file in folder.iterdir()] == ["small.toml"]


def write_rows(folder: Path, x: Any, y: Any) -> None:
    np.savez(folder / "rows.npz", x=x, y=y)


@pytest.mark.parametrize(
    ("x", "y", "told"),
    [
        (np.where(np.eye(20, 2), np.nan, 1.0), np.arange(20) % 2, "x needs finite numbers, got nan at row 0, column 0"),
        (np.ones((0, 2)), np.ones(0), "at least one row"),
        (np.ones((20, 2)), np.arange(20), "room for 2 classes, but y has"),
        (np.ones((20, 2)), np.ones(19), "needs a row of y for each row of x"),
        (np.ones((2, 2)), np.ones(2), "at least one row in each part"),
    ],
)
def test_unusable_data_end_with_3_and_leave_no_run(folder: Path, x: Any, y: Any, told: str) -> None:
    write_rows(folder, x, y)
    assert told in bad(3, "train", "small.toml", "--set", "data.source=rows.npz", "--set", "data.test.kind=random")
    assert not (folder / "runs").exists()


def test_a_missing_data_file_ends_with_3() -> None:
    assert "read needs an existing file" in bad(3, "train", "small.toml", "--set", "data.source=nowhere.npy")


def test_a_run_that_diverges_ends_with_4_and_keeps_its_last_finite_model(folder: Path) -> None:
    text = (
        SMALL.replace("softmax_cross_entropy", "mse").replace("moons", "noisy_sine").replace("units = 2", "units = 1")
    )
    (folder / "small.toml").write_text(text.replace(', kind = "stratified"', ""))
    told = bad(4, "train", "small.toml", "--epochs", "500", "--set", "optimizer.lr=50", "--quiet")
    steps = re.search(r"NumericalError: .* not finite at step (\d+), .* after step (\d+)\..* in runs/small\.", told)
    assert steps
    assert int(steps[1]) == int(steps[2]) + 1
    model = bp.Trainer.load(folder / "runs/small/model.safetensors")
    assert all(np.isfinite(value).all() for value in model.parameters.values())
    assert records(folder / "runs/small/history.jsonl")
    assert not (folder / "runs/small/test.json").exists()


def test_a_model_that_is_missing_or_damaged_ends_with_5(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    assert "is not the folder of a trained run" in bad(5, "evaluate", "runs/other")
    model = folder / "runs/small/model.safetensors"
    model.write_bytes(model.read_bytes()[:-1])
    assert "CheckpointError: runs/small/model.safetensors" in bad(5, "evaluate", "runs/small")


def test_a_folder_that_cannot_be_written_ends_with_5(folder: Path) -> None:
    (folder / "runs").write_text("a file")
    assert "CheckpointError: runs cannot be written" in bad(5, "train", "small.toml")


@pytest.mark.parametrize(
    ("loss", "exit_code", "told"),
    [
        ("broken", 6, "BrokenComponent: loss 'sample-broken/broken' (sample-broken 0.1, sample_broken:Broken)"),
        ("exits", 6, "BrokenComponent: loss 'sample-exits/exits'"),
        ("incomplete", 6, "IncompatibleComponent: loss 'sample-incomplete/incomplete'"),
        ("twin", 6, "AmbiguousComponent: loss 'twin' is provided by 'sample-twin-one/twin'"),
        ("sample-twin-one/twim", 2, "--set loss: loss.name: no loss named 'sample-twin-one/twim'."),
    ],
)
def test_a_plugin_that_cannot_be_used_ends_with_6_and_a_wrong_name_with_2(
    site: Site, folder: Path, loss: str, exit_code: int, told: str
) -> None:
    done = site.run(
        f"import os; os.chdir({str(folder)!r}); from bpframe.cli import main; "
        f"main(['train', 'small.toml', '--set', 'loss={loss}'])"
    )
    assert done.returncode == exit_code, done.stderr
    assert done.stderr.startswith(told)
    assert "Traceback" not in done.stderr


def test_no_plugins_blocks_third_parties_for_this_run_alone(site: Site, folder: Path) -> None:
    (folder / "small.toml").write_text(SMALL.replace("moons", "noisy_sine").replace(', kind = "stratified"', ""))
    start = f"import os; os.chdir({str(folder)!r}); from bpframe.cli import main; main("
    arguments = ["train", "small.toml", "--set", "loss=pseudo_huber", "--set", "model.layers.0.units=1", "--quiet"]
    blocked = site.run(f"{start}{[*arguments, '--no-plugins']})")
    assert blocked.returncode == 6
    assert "is blocked: --no-plugins allows no third-party plugins" in blocked.stderr
    assert site.out(f"{start}{arguments})").startswith("test loss")
    assert site.out(f"{start}['evaluate', 'runs/small'])").startswith("test loss")


def test_an_error_of_bpframe_itself_ends_with_70_and_says_how_to_see_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("bpframe.cli.train_run.load", fail)
    told = bad(70, "train", "small.toml")
    assert told.startswith("ZeroDivisionError: by nought\n")
    assert "bpframe --debug" in told


def test_debug_shows_the_traceback_and_keeps_the_exit_code() -> None:
    result = bpframe("--debug", "train", "nowhere.toml")
    assert result.exit_code == 2
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.endswith(
        "\nnowhere.toml: a config needs to be a readable file, got: No such file or directory. Check the path.\n"
    )


# ------------------------------------------------------------------------------------------------------------- signals


@pytest.mark.parametrize(
    ("number", "exit_code", "name"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_signal_stops_after_a_whole_step_and_keeps_the_model_of_that_step(
    folder: Path, number: int, exit_code: int, name: str
) -> None:
    run = folder / "runs" / "small"
    history = run / "history.jsonl"

    def ready() -> bool:
        return history.exists() and history.stat().st_size > 0

    returned, told = interrupted(number, ready, "train", "small.toml", "--epochs", "1000000")
    assert returned == exit_code
    said = re.fullmatch(
        rf"Stopped by {name}\. The model after step (\d+) \((\d+) whole epochs?\) is saved in runs/small\.\n", told
    )
    assert said
    assert len(records(run / "history.jsonl")) == int(said[2])
    assert (run / "config.toml").read_text() == config.load(
        "small.toml", [config.parse_override("train.epochs=1000000")]
    ).text()

    class Stop:
        @bp.hookimpl
        def bpframe_batch_end(self, state: Any) -> None:
            if state.step == int(said[1]):
                state.stop("as far as the other run got")

    again = config.load("small.toml")
    parts, trainer = again.data(), again.trainer(Stop())
    trainer.fit(*parts.train, epochs=1000000)
    for key, value in bp.Trainer.load(run / "model.safetensors").parameters.items():
        np.testing.assert_array_equal(value, trainer.parameters[key])


def test_a_signal_before_the_first_step_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("bpframe.runs.config.run_config.partition", stop)
    before = signal.getsignal(signal.SIGTERM)
    assert bad(143, "train", "small.toml") == "Stopped by SIGTERM.\n"
    assert signal.getsignal(signal.SIGTERM) is before
    assert not (folder / "runs").exists()


# -------------------------------------------------------------------------------------------------- evaluate, predict


def test_evaluate_repeats_the_test_of_the_run(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    measured = json.loads(good("evaluate", "runs/small", "--json"))
    assert measured == {"part": "test", **json.loads((folder / "runs/small/test.json").read_text())}
    told = f"test loss {measured['loss']:.4f}, test accuracy {measured['accuracy']:.4f} (15 rows)\n"
    assert good("evaluate", "runs/small") == told


@pytest.mark.parametrize(
    ("left", "part", "rows"), [("validation = { fraction = 0.2 }", "validation", 12), ("", "train", 60)]
)
def test_evaluate_says_which_part_it_took(folder: Path, left: str, part: str, rows: int) -> None:
    text = re.sub(r"validation = .*\ntest = .*", left, SMALL)
    (folder / "small.toml").write_text(text)
    good("train", "small.toml", "--quiet")
    measured = json.loads(good("evaluate", "runs/small", "--json"))
    assert (measured["part"], measured["rows"]) == (part, rows)


def table(path: Path) -> tuple[list[str], list[list[str]]]:
    header, *rows = [line.split(",") for line in path.read_text().splitlines()]
    return header, rows


def test_predictions_for_classes_are_labels_and_a_probability_for_each_class(folder: Path) -> None:
    x, _ = datasets.moons(points=8, seed=5)
    np.save(folder / "x.npy", x)
    good("train", "small.toml", "--quiet")
    assert good("predict", "runs/small", "x.npy", "-o", "out.csv") == "8 rows, out.csv\n"
    good("predict", "runs/small", "x.npy", "-o", "out.npy")
    trainer = bp.Trainer.load(folder / "runs/small/model.safetensors")
    header, rows = table(folder / "out.csv")
    assert header == ["label", "probability_0", "probability_1"]
    assert [int(row[0]) for row in rows] == trainer.predict_labels(x).tolist()
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], dtype=np.float32), trainer.predict(x))
    np.testing.assert_array_equal(np.load(folder / "out.npy"), trainer.predict(x))


def test_two_classes_from_one_output_have_two_probabilities(folder: Path) -> None:
    options = ["--set", "loss=sigmoid_cross_entropy", "--set", "model.layers.0.units=1", "--quiet"]
    good("train", "small.toml", *options)
    np.save(folder / "x.npy", datasets.moons(points=8)[0])
    good("predict", "runs/small", "x.npy", "-o", "out.csv")
    header, rows = table(folder / "out.csv")
    assert header == ["label", "probability_0", "probability_1"]
    for label, *probabilities in rows:
        assert float(probabilities[0]) + float(probabilities[1]) == pytest.approx(1, abs=1e-6)
        assert int(label) == np.argmax([float(p) for p in probabilities])


def test_a_table_with_text_labels_is_predicted_with_and_without_its_target_column(folder: Path) -> None:
    rows = [f"{a},{b},{'yes' if a > b else 'no'}" for a, b in np.random.default_rng(0).normal(size=(40, 2))]
    (folder / "rows.csv").write_text("\n".join(["a,b,answer", *rows]))
    (folder / "new.csv").write_text("\n".join(["a,b", *(row.rsplit(",", 1)[0] for row in rows)]))
    source = ["--set", "data.source=rows.csv", "--set", "data.target=answer", "--set", "optimizer.lr=0.5"]
    good("train", "small.toml", *source, "--epochs", "40", "--quiet")
    for name in ("rows", "new"):
        good("predict", "runs/small", f"{name}.csv", "-o", f"{name}-out.csv")
    header, predicted = table(folder / "rows-out.csv")
    assert header == ["label", "probability_no", "probability_yes"]
    assert np.mean([row[0] == line.rsplit(",", 1)[1] for row, line in zip(predicted, rows, strict=True)]) > 0.9
    assert (folder / "new-out.csv").read_text() == (folder / "rows-out.csv").read_text()


def test_predictions_of_quantities_have_a_column_for_each_output(folder: Path) -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    write_rows(folder, x, x @ np.ones((2, 2)))
    np.save(folder / "x.npy", x)
    options = ["--set", "loss=mse", "--set", "data.source=rows.npz", "--set", "data.test.kind=random", "--quiet"]
    assert re.match(r"test loss .*, test r2 .*, test mae ", good("train", "small.toml", *options))
    good("predict", "runs/small", "x.npy", "-o", "out.csv")
    header, rows = table(folder / "out.csv")
    assert header == ["prediction_0", "prediction_1"]
    trainer = bp.Trainer.load(folder / "runs/small/model.safetensors")
    np.testing.assert_array_equal(np.array(rows, dtype=np.float32), trainer.predict(x))


def test_predict_replaces_a_file_only_if_told_to(folder: Path) -> None:
    good("train", "small.toml", "--quiet")
    np.save(folder / "x.npy", datasets.moons(points=8)[0])
    (folder / "out.csv").write_text("precious")
    assert "'out.csv' exists." in bad(2, "predict", "runs/small", "x.npy", "-o", "out.csv")
    assert (folder / "out.csv").read_text() == "precious"
    good("predict", "runs/small", "x.npy", "-o", "out.csv", "--force")
    assert len(table(folder / "out.csv")[1]) == 8


@pytest.mark.parametrize(
    ("rows", "out", "exit_code", "told"),
    [
        ("x.npy", "out.txt", 2, "needs a file that ends in .csv or .npy, got 'out.txt'."),
        ("x.npy", "nowhere/out.csv", 2, "'nowhere' is not a folder."),
        ("y.npy", "out.csv", 3, "read needs an existing file, got 'y.npy'"),
        ("wide.npy", "out.csv", 3, "x needs rows of shape (2,), as in the first fit, got (3,)."),
    ],
)
def test_predictions_that_cannot_be_made_leave_no_file(
    folder: Path, rows: str, out: str, exit_code: int, told: str
) -> None:
    good("train", "small.toml", "--quiet")
    np.save(folder / "x.npy", np.ones((3, 2)))
    np.save(folder / "wide.npy", np.ones((3, 3)))
    before = {file.name for file in folder.iterdir()}
    assert told in bad(exit_code, "predict", "runs/small", rows, "-o", out)
    assert {file.name for file in folder.iterdir()} == before


# ------------------------------------------------------------------------------------------------------------- plugins


def test_plugins_lists_every_component_with_what_it_is() -> None:
    lines = good("plugins").splitlines()
    assert good("plugins", "list").splitlines() == lines
    found = [tuple(line.split()[:4]) for line in lines[1:]]
    assert found == [(p.kind, p.name, p.dist, p.version) for p in bp.providers()]
    assert any(
        line.endswith("v = tanh(u); phi'(u) = (1 - v)(1 + v), so the value alone is kept for the way back.")
        for line in lines
    )


def test_plugins_list_as_json_has_what_the_table_has() -> None:
    found = json.loads(good("plugins", "list", "--json"))
    assert [(r["kind"], r["ref"], r["target"]) for r in found] == [(p.kind, p.ref, p.target) for p in bp.providers()]
    assert {record["blocked"] for record in found} == {None}


LISTING = """if True:
    import sys
    from bpframe.cli import main
    try:
        main(["plugins", "list"])
    except SystemExit as end:
        print(end.code, sorted(name for name in sys.modules if name.startswith(("bpframe_", "sample_"))))
"""


def test_plugins_list_imports_no_plugin_and_survives_broken_ones(site: Site) -> None:
    lines = site.out(LISTING).splitlines()
    assert lines[-1] == "0 []"
    assert any(re.match(r"loss +broken +sample-broken +0\.1 +Fails on import\.", line) for line in lines)


def test_plugins_list_says_why_a_component_is_blocked(site: Site) -> None:
    lines = site.out(LISTING, BPFRAME_PLUGINS="-sample-loss").splitlines()
    assert any(re.match(r"loss +quartic .* blocked: BPFRAME_PLUGINS denies sample-loss", line) for line in lines)
    assert sum("blocked:" in line for line in lines) == 1


def test_plugins_info_shows_docstring_arguments_and_provenance() -> None:
    text = good("plugins", "info", "optimizer:momentum")
    assert text.startswith("optimizer momentum(lr: float = 0.01, momentum: float = 0.9, flavor: ")
    assert f"distribution  bpframe {bp.__version__}\n" in text
    assert "target        bpframe_optimizers.momentum:Momentum\n" in text
    place = re.search(r"source        (.*):(\d+)\n", text)
    assert place
    assert Path(place[1]).read_text().splitlines()[int(place[2]) - 1] == "class Momentum:"


@pytest.mark.parametrize(
    ("component", "told"),
    [
        ("huber", "needs the form KIND:NAME, got 'huber'"),
        ("los:huber", "There is no kind of component named 'los'. Did you mean 'loss'?"),
        ("loss:adam", "no loss named 'adam'."),
    ],
)
def test_plugins_info_of_what_does_not_exist_ends_with_2(component: str, told: str) -> None:
    assert told in bad(2, "plugins", "info", component)


def test_plugins_info_of_a_broken_component_ends_with_6(site: Site) -> None:
    done = site.run("from bpframe.cli import main; main(['plugins', 'info', 'loss:broken'])")
    assert done.returncode == 6
    assert "No module named 'a_module_that_nobody_has'" in done.stderr


# --------------------------------------------------------------------------------------------------------------- check


@dataclass(frozen=True)
class Slanted:
    """loss = sum_c (z_c - y_c)^2, with a slope that is 1% too steep."""

    link = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> tuple[Any, Any]:
        """(loss (B,), slope (B, C))."""
        r = scores - target
        return (r * r).sum(axis=-1), 2.02 * r


def test_check_prints_a_row_for_each_component_and_the_number_of_checks() -> None:
    header, row, blank, last = good("check", "loss:huber").splitlines()
    assert header.split() == ["component", "run", "passed", "failed", "skipped", "engines"]
    name, run, passed, failed, _, engines = row.split()
    assert (name, passed, failed, engines) == ("loss:huber", run, "0", "numpy")
    assert int(run) >= 5
    assert (blank, last) == ("", f"1 component, {run} checks run, 0 failed")


def test_check_of_a_distribution_or_of_all_covers_every_component(monkeypatch: pytest.MonkeyPatch) -> None:
    def checked(kind: str, name: str, **options: Any) -> Report:
        return Report(f"{kind}:{name}", ("protocol",))

    monkeypatch.setattr("bpframe.testing.check", checked)  # test_components.py runs every check
    own = [f"{p.kind}:{p.ref}" for p in bp.providers() if p.dist == "bpframe"]
    for target in ("bpframe", "BPFRAME", "--all"):
        lines = good("check", target).splitlines()
        assert [line.split()[0] for line in lines[1:-2]] == own
        assert re.fullmatch(rf"{len(own)} components, \d+ checks run, 0 failed", lines[-1])


def test_a_component_named_twice_is_checked_once() -> None:
    assert good("check", "loss:huber", "loss:bpframe/huber").splitlines()[-1].startswith("1 component,")


def test_a_failed_check_ends_with_1_and_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpframe.registry.registry._local", {})
    bp.register("loss", "slanted", Slanted)
    result = bpframe("check", "loss:slanted", "loss:huber")
    assert result.exit_code == 1
    assert re.search(r"\nloss:slanted fails .*: ", result.stdout)
    assert "loss:huber fails" not in result.stdout
    assert re.search(r"2 components, \d+ checks run, [1-9] failed\n$", result.stdout)


def test_check_of_a_whole_site_survives_components_that_cannot_be_loaded(site: Site) -> None:
    done = site.run("from bpframe.cli import main; main(['check', 'sample-broken', 'bpframe-example'])")
    assert done.returncode == 1
    assert "loss:sample-broken/broken fails loading: " in done.stdout
    assert re.search(r"loss:bpframe-example/pseudo_huber +(\d+) +\1 +0 ", done.stdout)
    alone = site.run("from bpframe.cli import main; main(['check', 'loss:broken'])")
    assert alone.returncode == 6


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "check needs KIND:NAME, a distribution or --all"),
        (["loss:hubr"], "no loss named 'hubr'. Did you mean 'huber'?"),
        (["nobody"], "check needs KIND:NAME or a distribution, got 'nobody'. Those with components: "),
    ],
)
def test_check_of_nothing_known_ends_with_2(arguments: list[str], told: str) -> None:
    assert told in bad(2, "check", *arguments)


# ------------------------------------------------------------------------------------------------------------ start-up


def loaded_by(site: Site, *arguments: str) -> set[str]:
    """The heavy modules that a command loads."""
    script = f"""if True:
        import sys
        from bpframe.cli import main
        try:
            main({list(arguments)})
        except SystemExit:
            print("loaded:", *({{"numpy", "rich", "bpframe.training.trainer", "pluggy"}} & set(sys.modules)))
    """
    return set(site.out(script).splitlines()[-1].split()[1:])


def test_help_and_version_load_next_to_nothing(site: Site) -> None:
    assert loaded_by(site, "--help") == set()
    assert loaded_by(site, "--version") == set()


def test_listing_plugins_does_not_load_the_trainer(site: Site) -> None:
    assert not loaded_by(site, "plugins", "list") & {"bpframe.training.trainer", "pluggy"}


def test_version_is_the_installed_one() -> None:
    assert good("--version") == f"bpframe {bp.__version__}\n"


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "plugins", "check"])
def test_every_command_has_help(command: str) -> None:
    assert good(command, "--help").startswith(f"Usage: main {command}")


@pytest.mark.parametrize("frozen", [False, True])
def test_a_training_makes_one_trainer(folder: Path, monkeypatch: pytest.MonkeyPatch, frozen: bool) -> None:
    good("train", "small.toml", "--quiet", "--name", "first")
    made, init = [], bp.Trainer.__init__

    def counting(self: bp.Trainer, *parts: Any, **more: Any) -> None:
        made.append(self)
        init(self, *parts, **more)

    monkeypatch.setattr(bp.Trainer, "__init__", counting)
    good("train", "small.toml", "--quiet", *(["--frozen", "runs/first"] if frozen else []))
    assert len(made) == 1
