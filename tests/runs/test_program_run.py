"""The run folder that a fit in a program leaves, and runs as objects."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckpointError, ConfigError, DataError
from bpframe.runs import config
from bpframe.runs.run_groups import group_runs
from bpframe.runs.run_search import find_runs
from tests.cli.commands import good
from tests.configs import config_text

X, Y = bp.datasets.moons(60, seed=0)
HELD = X[:15], Y[:15]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder is an empty one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trainer(**parts: Any) -> bp.Trainer:
    layers = [bp.layers.dense(4, activation="tanh"), bp.layers.dropout(0.2), bp.layers.dense(2, label="scores")]
    settings = {"loss": "softmax_cross_entropy", "optimizer": bp.optimizers.adam(lr=0.01), "seed": 3} | parts
    return bp.Trainer(bp.Network(layers), **settings)


class Stop:
    """A callback that fails in an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    @bp.hookimpl
    def bpframe_batch_end(self, state: bp.RunState) -> None:
        """Fail in the middle of it."""
        if state.epoch == self.epoch and state.done == 2:
            raise KeyboardInterrupt


def test_a_fit_leaves_the_files_of_a_run_and_trains_with_the_same_bits() -> None:
    kept, plain = trainer(), trainer()
    history = kept.fit(X, Y, epochs=3, batch_size=16, validation=HELD, run="first")
    plain.fit(X, Y, epochs=3, batch_size=16, validation=HELD)
    found = {path.name for path in Path("runs/first").iterdir()}
    assert found == {"config.toml", "run.lock.toml", "history.jsonl", "model.safetensors", "validation.json"}
    run = bp.Run("runs/first")
    assert run.history == history
    assert all(np.array_equal(run.model.parameters[name], value) for name, value in plain.parameters.items())
    assert kept.history.train == plain.history.train
    assert run.results == {"validation": {**plain.evaluate(*HELD), "rows": 15}}


def test_its_config_trains_the_same_network_on_a_source_of_the_same_rows() -> None:
    text = config_text("", data='validation = { fraction = 0.25, kind = "tail" }\n')
    Path("moons.toml").write_text(text)
    parts = config.load(Path("moons.toml")).data()
    own = trainer(metrics=["accuracy"])
    own.fit(*parts.train, epochs=2, validation=parts.validation, class_weight={0: 2.0}, run="first")
    data = 'data.source={ name = "moons", points = 60 }', "data.validation={ fraction = 0.25, kind = 'tail' }"
    settings = [word for setting in data for word in ("--set", setting)]
    good("train", "runs/first/config.toml", "--name", "second", "--quiet", *settings)
    first, second = bp.Run("runs/first"), bp.Run("runs/second")
    assert second.config["data"]["source"] == {"name": "moons", "points": 60, "noise": 0.1, "seed": 0}
    assert first.history.train == second.history.train
    assert first.lock["data"] == second.lock["data"]
    different = {name for name in first.config if first.config[name] != second.config[name]}
    assert different == {"data"}


def test_a_run_of_the_command_line_is_read_with_its_data() -> None:
    text = config_text("", data="validation = { fraction = 0.25 }\ntest = { fraction = 0.25 }\n")
    Path("moons.toml").write_text(text)
    good("train", "moons.toml", "--quiet")
    run = bp.Run("runs/moons")
    expected = config.load(Path("moons.toml")).data()
    assert np.array_equal(run.data().test[0], expected.test[0])
    assert run.name == "moons"
    assert run.config == tomllib.loads(Path("runs/moons/config.toml").read_text())
    assert [len(run.history), list(run.results), run.checkpoint] == [10, ["test"], None]
    assert run.results["test"]["loss"] == run.model.evaluate(*expected.test)["loss"]


def test_other_data_than_those_of_the_run_are_refused_by_name() -> None:
    trainer().fit(X, Y, epochs=1, validation=HELD, run="first")
    run = bp.Run("runs/first")
    assert run.data(train=(X, Y)).train[0] is X
    assert run.data(train=(X, Y), validation=HELD).validation is HELD
    with pytest.raises(DataError, match="was handed its data by a program"):
        run.data()
    with pytest.raises(DataError, match="x of training"):
        run.data(train=(X + 1, Y))
    with pytest.raises(DataError, match="y of validation"):
        run.data(train=(X, Y), validation=(HELD[0], 1 - HELD[1]))


def test_a_stopped_fit_goes_on_in_its_folder_and_ends_with_the_same_bytes() -> None:
    call = {"epochs": 4, "batch_size": 16, "validation": HELD}
    trainer().fit(X, Y, **call, run="whole")
    with pytest.raises(KeyboardInterrupt):
        trainer(callbacks=[Stop(2)]).fit(X, Y, **call, run="stopped")
    stopped = bp.Run("runs/stopped")
    assert [len(stopped.history), stopped.results] == [2, {}]
    assert stopped.model.predict(X).shape == (60, 2)
    again = bp.Trainer.resume(stopped.checkpoint)
    with pytest.raises(ConfigError, match="needs the same data"):
        again.fit(X + 1, Y, **call, run="stopped")
    again.fit(X, Y, **call, run="stopped")
    for name in ("config.toml", "model.safetensors", "validation.json"):
        assert Path("runs/whole", name).read_bytes() == Path("runs/stopped", name).read_bytes()
    assert bp.Run("runs/whole").history.train == stopped.history.train


def test_a_run_that_is_there_is_never_written_over() -> None:
    trainer().fit(X, Y, epochs=1, run="first")
    before = {path: path.read_bytes() for path in Path("runs/first").iterdir()}
    with pytest.raises(ConfigError, match=r"run_folder needs a free name, but runs.first exists"):
        trainer().fit(X, Y, epochs=1, run="first")
    assert before == {path: path.read_bytes() for path in Path("runs/first").iterdir()}
    assert set(bp.Run("runs/first").results) == {"train"}


def test_a_callback_that_numbers_its_folders_keeps_each_fit() -> None:
    own = trainer(callbacks=[bp.callbacks.run_folder("each", numbered=True)])
    own.fit(X, Y, epochs=1)
    first = bp.Run("runs/each").model.predict(X)
    own.fit(X, Y, epochs=2)
    assert np.array_equal(bp.Run("runs/each").model.predict(X), first)
    assert [len(bp.Run(f"runs/{name}").history) for name in ("each", "each-2")] == [1, 3]
    assert bp.Run("runs/each").config["callbacks"] == []


def test_a_resumed_fit_refuses_the_folder_of_another_config() -> None:
    trainer().fit(X, Y, epochs=1, run="other")
    with pytest.raises(KeyboardInterrupt):
        trainer(callbacks=[Stop(1)]).fit(X, Y, epochs=3, batch_size=16, run="stopped")
    again = bp.Trainer.resume(bp.Run("runs/stopped").checkpoint)
    with pytest.raises(ConfigError, match=r"needs the config that runs.other was begun with: there 'epochs = 1'"):
        again.fit(X, Y, epochs=3, batch_size=16, run="other")


def test_a_resumed_fit_refuses_the_folder_of_a_run_on_other_data() -> None:
    call = {"epochs": 3, "batch_size": 16}
    for name, x in (("one", X), ("other", X + 1)):
        with pytest.raises(KeyboardInterrupt):
            trainer(callbacks=[Stop(1)]).fit(x, Y, **call, run=name)
    again = bp.Trainer.resume(bp.Run("runs/one").checkpoint)
    with pytest.raises(ConfigError, match=r"needs the data that runs.other was begun with.*x of training"):
        again.fit(X, Y, **call, run="other")


def test_the_arguments_of_fit_are_in_the_config() -> None:
    trainer().fit(X, Y, epochs=2, batch_size=7, shuffle=False, class_weight="balanced", run="first")
    train = bp.Run("runs/first").config["train"]
    wanted = {"epochs": 2, "batch_size": 7, "shuffle": False, "class_weight": "balanced", "seed": 3}
    assert {name: train[name] for name in wanted} == wanted


def test_a_path_is_taken_as_it_is_and_a_name_must_be_plain(folder: Path) -> None:
    trainer().fit(X, Y, epochs=1, run=folder / "elsewhere" / "run")
    assert bp.Run(folder / "elsewhere" / "run").name == "run"
    with pytest.raises(ConfigError, match="run_folder needs a plain file name, got ''"):
        trainer().fit(X, Y, epochs=1, run="")
    with pytest.raises(ConfigError, match="run_folder needs the name or the path of a folder, got 3"):
        trainer().fit(X, Y, epochs=1, run=3)  # type: ignore[arg-type]  # what the test is about
    with pytest.raises(CheckpointError, match=r"is not the folder of a run: it has no config.toml"):
        bp.Run(folder)


def test_the_epochs_of_earlier_fits_are_in_the_history_of_the_run() -> None:
    own = trainer()
    own.fit(X, Y, epochs=2)
    history = own.fit(X, Y, epochs=1, run="later")
    assert len(history) == 3
    assert bp.Run("runs/later").history == history
    assert bp.Run("runs/later").config["train"]["epochs"] == 3


@pytest.mark.filterwarnings("ignore::bpframe.errors.TrainingWarning")
def test_what_callbacks_had_to_say_is_in_the_history_of_the_run() -> None:
    own = trainer(optimizer=bp.optimizers.sgd(lr=1e-9), callbacks=[bp.callbacks.monitor(every=1)])
    history = own.fit(X * 1e4, Y, epochs=3, run="noted")
    assert history.notes
    assert bp.Run("runs/noted").history == history


def test_the_model_of_a_run_is_the_one_that_callbacks_leave() -> None:
    stop = bp.callbacks.early_stopping(monitor="validation.loss", patience=1)
    own = trainer(optimizer=bp.optimizers.sgd(lr=20.0), callbacks=[stop])
    own.fit(X, Y, epochs=40, validation=HELD, run="early")
    run = bp.Run("runs/early")
    assert len(run.history) < 40
    assert np.array_equal(run.model.predict(X), own.predict(X))
    assert run.results["validation"]["loss"] == min(run.history.validation["loss"])
    assert run.history.validation["loss"][-1] != run.results["validation"]["loss"]


def test_a_config_that_nobody_could_read_is_refused_before_anything_is_written() -> None:
    values = np.zeros((2, 200_000)).tolist()
    layers = [bp.layers.dense(200_000, weight_initializer=bp.initializers.given(values)), bp.layers.dense(2)]
    with pytest.raises(ConfigError, match="needs a config of at most 1,048,576 bytes"):
        bp.Trainer(bp.Network(layers), "softmax_cross_entropy").fit(X, Y, epochs=1, run="first")
    assert not Path("runs").exists()


def test_nothing_is_written_where_a_component_has_no_name() -> None:
    class Mine:
        link = "softmax"

        def value_and_delta(self, scores: Any, target: Any) -> Any:
            """Of no matter."""
            return (scores - target).sum(axis=-1), scores - target

    with pytest.raises(ConfigError, match="loss Mine has no name that a file could hold"):
        trainer(loss=Mine()).fit(X, Y, epochs=1, run="first")
    assert not Path("runs").exists()


def test_callbacks_hear_with_which_arguments_fit_was_called() -> None:
    seen: list[Any] = []

    class Look:
        @bp.hookimpl
        def bpframe_fit_start(self, state: bp.RunState) -> None:
            """Keep them."""
            seen.append(state.arguments)

    trainer(callbacks=[Look()]).fit(X, Y, epochs=2, batch_size=100)
    assert seen[0]["x"] is X
    assert {name: seen[0][name] for name in ("epochs", "batch_size", "shuffle", "validation")} == {
        "epochs": 2,
        "batch_size": 100,
        "shuffle": True,
        "validation": None,
    }


def test_runs_of_a_program_on_other_rows_are_of_another_group() -> None:
    for seed in range(2):
        keep = [bp.callbacks.checkpoint(f"checkpoints-{seed}")]
        trainer(seed=seed, callbacks=keep).fit(X, Y, epochs=1, run=f"same-{seed}")
    keep = [bp.callbacks.checkpoint("checkpoints-2")]
    trainer(seed=2, callbacks=keep).fit(X[:50], Y[:50], epochs=1, run="shorter")
    groups = group_runs(find_runs(["runs"]))
    assert [[run.name for run in group.runs] for group in groups] == [["same-0", "same-1"], ["shorter"]]
