"""Run folders: never half-written, filled while training runs, and a model that can be had back."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckpointError, ConfigError, DataError
from bpframe.registry import Registry
from bpframe.registry.source_code import find_source
from bpframe.runs import config
from bpframe.runs.folder import RunFolder, create_folder, require_free_name
from bpframe.runs.lock import lock
from bpframe.runs.model import load_model
from bpframe.runs.recorder import Recorder
from bpframe.saving.atomic import write_file
from bpframe.saving.json_values import to_json
from tests.configs import config_text
from tests.conftest import Site

CONFIG = config_text(
    '[optimizer]\nname = "adam"\nlr = { name = "cosine", initial = 0.01 }\n[train]\nepochs = 3\n',
    data="validation = { fraction = 0.2 }\ntest = { fraction = 0.2 }\n",
)


@pytest.fixture
def run(tmp_path: Path) -> config.Config:
    """A small run that is ready to start."""
    path = tmp_path / "small.toml"
    path.write_text(CONFIG)
    return config.load(path)


def recorded(run: config.Config, runs: Path, *callbacks: object) -> tuple[bp.Trainer, Recorder]:
    """The run trained under a recorder, which comes before the callbacks."""
    parts = run.data()
    recorder = Recorder(run, parts, lambda: create_folder(runs, "small", None))
    trainer = run.trainer(recorder, *callbacks)
    trainer.fit(*parts.train, epochs=run.settings.train.epochs, validation=parts.validation)
    return trainer, recorder


# --------------------------------------------------------------------------------------------------------------- files


def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "test.json"
    write_file(path, "old")

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for call in ("fsync", "replace"):
        with monkeypatch.context() as broken:
            broken.setattr(os, call, fail)
            with pytest.raises(CheckpointError, match=r"test\.json cannot be written: .*No space left"):
                write_file(path, "new")
        assert [file.name for file in tmp_path.iterdir()] == ["test.json"]
        assert path.read_text() == "old"


def test_a_file_is_replaced_whole_and_has_the_permissions_of_a_new_file(tmp_path: Path) -> None:
    path, plain = tmp_path / "a", tmp_path / "b"
    write_file(path, "one")
    write_file(path, b"two")
    plain.write_text("")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode == plain.stat().st_mode


def test_numbers_that_json_cannot_say_are_null() -> None:
    record = {"a": float("nan"), "b": [float("inf"), 1.5], "c": {"d": -float("inf")}, "e": None, "f": "nan"}
    assert json.loads(to_json(record)) == {"a": None, "b": [None, 1.5], "c": {"d": None}, "e": None, "f": "nan"}


# --------------------------------------------------------------------------------------------------------------- names


def test_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    names = [create_folder(tmp_path / "runs", "digits", None).path.name for _ in range(3)]
    assert names == ["digits", "digits-2", "digits-3"]


def test_a_name_of_the_users_is_never_changed(tmp_path: Path) -> None:
    assert create_folder(tmp_path, "digits", "mine").path.name == "mine"
    with pytest.raises(ConfigError, match=r"--name needs a free name, but .*mine exists"):
        create_folder(tmp_path, "digits", "mine")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/tmp/a", "a\\b", "a\nb", "a\0b"])
def test_a_name_that_would_lead_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="--name needs a plain file name"):
        require_free_name(tmp_path, name)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(CheckpointError, match=r"runs cannot be written: .*File exists"):
        create_folder(tmp_path / "runs", "digits", None)


def test_a_folder_without_a_model_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"not the folder of a trained run: it has no config\.toml"):
        RunFolder.existing(tmp_path)
    (tmp_path / "config.toml").write_text(CONFIG)
    with pytest.raises(CheckpointError, match=r"it has no model\.safetensors"):
        RunFolder.existing(tmp_path)


# ------------------------------------------------------------------------------------------------------------ recorder


def test_the_history_has_a_whole_line_after_each_epoch(run: config.Config, tmp_path: Path) -> None:
    seen = []

    class Reader:
        @bp.hookimpl
        def bpframe_epoch_end(self, state: Any) -> None:
            lines = (tmp_path / "small" / "history.jsonl").read_text().splitlines(keepends=True)
            seen.append([json.loads(line)["epoch"] for line in lines if line.endswith("\n")])

    recorded(run, tmp_path, Reader())
    assert seen == [[1], [1, 2], [1, 2, 3]]


def test_a_line_of_the_history_is_the_epochs_record(run: config.Config, tmp_path: Path) -> None:
    trainer, recorder = recorded(run, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "small" / "history.jsonl").read_text().splitlines()]
    assert lines == list(trainer.history.epochs())
    assert set(lines[0]) == {"epoch", "step", "lr", "train", "validation", "seconds"}
    assert set(lines[0]["validation"]) == {"loss", "accuracy"}
    assert (recorder.steps, recorder.epochs, recorder.reason) == (lines[-1]["step"], 3, None)


@pytest.mark.parametrize("written", ["nothing", "half", "all"])
def test_an_interrupt_while_an_epoch_is_recorded_leaves_each_epoch_on_one_line(
    run: config.Config, tmp_path: Path, written: str
) -> None:
    class Interrupt:
        @bp.hookimpl
        def bpframe_epoch_end(self, state: Any) -> None:
            if len(state.history) == 2:
                path = tmp_path / "small" / "history.jsonl"
                first, second = path.read_text().splitlines(keepends=True)
                path.write_text(first + {"nothing": "", "half": second[:20], "all": second}[written])
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recorded(run, tmp_path, Interrupt())
    lines = (tmp_path / "small" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]


def test_a_metric_that_is_not_a_number_is_null_in_the_history(
    run: config.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bpframe.registry.registry._local", {})

    class Never:
        def value(self, prediction: Any, target: Any, weight: Any) -> float:
            return float("nan")

    bp.register("metric", "never", Never)
    path = tmp_path / "never.toml"
    path.write_text('metrics = ["never"]\n' + CONFIG)
    recorded(config.load(path), tmp_path)
    line = json.loads((tmp_path / "small" / "history.jsonl").read_text().splitlines()[0])
    assert line["train"]["never"] is None
    assert line["validation"]["never"] is None


def test_config_and_lock_are_there_before_the_first_step(run: config.Config, tmp_path: Path) -> None:
    class Looker:
        @bp.hookimpl
        def bpframe_fit_start(self, state: Any) -> None:
            assert (tmp_path / "small" / "config.toml").read_text() == run.text()
            assert tomllib.loads((tmp_path / "small" / "run.lock.toml").read_text())["components"]

    recorded(run, tmp_path, Looker())


def test_a_useless_test_part_is_told_before_the_first_step_and_leaves_no_folder(tmp_path: Path) -> None:
    y = np.array([3, 4] * 10 + [5] * 5)
    np.savez(tmp_path / "rows.npz", x=np.ones((25, 2)), y=y)
    path = tmp_path / "small.toml"
    text = CONFIG.replace('{ name = "moons", points = 60 }', '"rows.npz"')
    path.write_text(text.replace("test = { fraction = 0.2 }", 'test = { fraction = 0.2, kind = "tail" }'))
    with pytest.raises(DataError, match=r"labels that the model does not know: \[5\]"):
        recorded(config.load(path), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_callback_that_refuses_to_start_leaves_no_folder(run: config.Config, tmp_path: Path) -> None:
    path = tmp_path / "stopping.toml"
    path.write_text(CONFIG + '[[callbacks]]\nname = "early_stopping"\nmonitor = "validation.lost"\n')
    with pytest.raises(ConfigError, match=r"monitors 'validation\.lost'"):
        recorded(config.load(path), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


# ---------------------------------------------------------------------------------------------------------------- lock


def test_the_lock_names_every_component_those_inside_others_too(run: config.Config) -> None:
    found = {
        entry["path"]: (entry["kind"], entry["name"]) for entry in tomllib.loads(lock.lock_text(run))["components"]
    }
    assert found == {
        "model.layers[0]": ("layer", "bpframe/dense"),
        "model.layers[0].activation": ("activation", "bpframe/tanh"),
        "model.layers[0].weight_initializer": ("initializer", "bpframe/glorot_uniform"),
        "model.layers[0].bias_initializer": ("initializer", "bpframe/zeros"),
        "model.layers[1]": ("layer", "bpframe/dense"),
        "model.layers[1].weight_initializer": ("initializer", "bpframe/glorot_uniform"),
        "model.layers[1].bias_initializer": ("initializer", "bpframe/zeros"),
        "loss": ("loss", "bpframe/softmax_cross_entropy"),
        "optimizer": ("optimizer", "bpframe/adam"),
        "optimizer.lr": ("schedule", "bpframe/cosine"),
        "train.engine": ("engine", "bpframe/numpy"),
    }


def test_the_lock_tells_version_arguments_and_hash_of_the_code(run: config.Config) -> None:
    tables = tomllib.loads(lock.lock_text(run))
    (entry,) = (entry for entry in tables["components"] if entry["path"] == "optimizer")
    import bpframe_optimizers.adam

    digest = hashlib.sha256(Path(bpframe_optimizers.adam.__file__).read_bytes()).digest()
    assert entry["hash"] == "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert (entry["version"], entry["target"]) == (bp.__version__, "bpframe_optimizers.adam:Adam")
    assert entry["arguments"]["beta1"] == 0.9
    assert tables["versions"]["numpy"] == np.__version__


# ---------------------------------------------------------------------------------------------------------- provenance


def test_a_source_is_found_with_its_line_and_docstring() -> None:
    found = find_source("bpframe_losses.huber:Huber")
    assert found is not None
    assert found.file.read_text().splitlines()[found.line - 1].startswith("class Huber")
    assert found.docstring == inspect_doc("loss", "huber")


def inspect_doc(kind: str, name: str) -> str | None:
    """The docstring as Python has it."""
    import inspect

    return inspect.getdoc(bp.load(kind, name))


def test_finding_a_source_imports_nothing(site: Site) -> None:
    code = """if True:
        import sys
        from bpframe.registry.source_code import find_source
        print(find_source("sample_broken:Broken").docstring, find_source("sample_exits:Exits").line)
        print(find_source("sample_loss:Quartic").docstring, "sample_loss" in sys.modules)
    """
    assert site.out(code).splitlines() == [
        "Fails on import. 1",
        "loss = scale sum_c (z_c - y_c)^4, slope 4 scale (z - y)^3. False",
    ]


def test_the_hash_of_an_installed_file_is_the_one_its_installer_recorded(foreign: Registry, site: Site) -> None:
    found = find_source(foreign.find("loss", "quartic").target)
    record = next(site.path.glob("*ample_*oss-*.dist-info/RECORD")).read_text()
    assert found is not None
    assert f"sample_loss.py,{found.hash}," in record


@pytest.mark.parametrize("target", ["no_such_module:Thing", "bpframe.no_such:Thing", "math:sqrt", "sys:exit"])
def test_what_has_no_source_has_none(target: str) -> None:
    assert find_source(target) is None


# --------------------------------------------------------------------------------------------------------------- model


def test_the_model_of_a_run_predicts_as_it_did(run: config.Config, tmp_path: Path) -> None:
    trainer, recorder = recorded(run, tmp_path)
    assert recorder.folder is not None
    trainer.save(recorder.folder.model)
    folder = RunFolder.existing(recorder.folder.path)
    x = run.data().train[0]
    np.testing.assert_array_equal(load_model(folder, config.load(folder.config)).predict(x), trainer.predict(x))


def test_a_model_may_use_the_plugins_that_its_config_names_and_no_others(site: Site, tmp_path: Path) -> None:
    text = CONFIG.replace("units = 2", "units = 1").replace('"softmax_cross_entropy"', '"pseudo_huber"')
    (tmp_path / "foreign.toml").write_text(text.replace("moons", "noisy_sine"))
    (tmp_path / "own.toml").write_text(text.replace("moons", "noisy_sine").replace("pseudo_huber", "mse"))
    code = f"""if True:
        from pathlib import Path
        from bpframe.runs import config
        from bpframe.runs.folder import RunFolder
        from bpframe.runs.model import load_model
        here = Path({str(tmp_path)!r})
        run = config.load(here / "foreign.toml")
        parts, trainer = run.data(), run.trainer()
        trainer.fit(*parts.train, epochs=1)
        trainer.save(here / "model.safetensors")
        print(type(load_model(RunFolder(here), run).loss).__name__)
        try:
            load_model(RunFolder(here), config.load(here / "own.toml"))
        except Exception as error:
            print(type(error).__name__, "needs plugins of bpframe-example" in str(error))
    """
    assert site.out(code).splitlines() == ["PseudoHuber", "CheckpointError True"]
