"""No path in a file is acted on: the program that opens the file says where anything is read, written or deleted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckpointError
from bpframe.saving import tensor_file
from bpframe.sklearn import MLPRegressor

X = np.random.default_rng(0).normal(size=(24, 3))
Y = np.arange(24) % 3


def write(folder: Path, change: Callable[[dict[str, Any]], None] = lambda manifest: None, **settings: Any) -> Path:
    """A checkpoint in a folder of its own, its manifest changed and signed anew."""
    network = bp.Network([bp.layers.dense(4, "tanh"), bp.layers.dense(3)], inputs=3)
    trainer = bp.Trainer(network, "softmax_cross_entropy", **settings)
    trainer.fit(X, Y, epochs=1)
    path = folder / "away" / "checkpoint"
    path.parent.mkdir(exist_ok=True)
    trainer.checkpoint(path)
    tensors, manifest = tensor_file.read_tensors(path)
    change(manifest)
    tensor_file.write_tensors(path, tensors, manifest)
    return path


def test_a_resumed_trainer_writes_and_deletes_in_the_folder_of_its_file_alone(tmp_path: Path):
    victim = tmp_path / "victim"
    victim.mkdir()
    for k in range(5):
        (victim / f"step-{k:08d}.safetensors").write_text("mine")
    hostile = {"name": "checkpoint", "folder": str(victim), "every_steps": 1, "keep": 1}
    path = write(tmp_path, lambda manifest: manifest.update(callbacks=[hostile]))
    before = sorted(tmp_path.rglob("*"))
    trainer = bp.Trainer.resume(path)
    trainer.fit(X, Y, epochs=1)
    assert Path(trainer.callbacks[0].folder) == path.parent
    new = set(tmp_path.rglob("*")) - set(before)
    assert new
    assert {file.parent for file in new} == {path.parent}
    assert sorted(path.read_text() for path in victim.iterdir()) == ["mine"] * 5


def test_a_run_that_was_moved_goes_on_where_it_is_now(tmp_path: Path):
    old, new = tmp_path / "old", tmp_path / "new"
    callback = bp.callbacks.checkpoint(folder=old, every_steps=1)
    network = bp.Network([bp.layers.dense(3)], inputs=3)
    bp.Trainer(network, "softmax_cross_entropy", callbacks=[callback]).fit(X, Y, epochs=1)
    old.rename(new)
    trainer = bp.Trainer.resume(max(new.iterdir()))
    trainer.fit(X, Y, epochs=1)
    assert not old.exists()
    assert (new / f"step-{trainer.session.step:08d}.safetensors").exists()


def test_a_file_chooses_the_engine_and_what_changes_numbers_but_neither_threads_nor_caches(tmp_path: Path):
    cache = tmp_path / "cache"
    engine = {"name": "jax", "precision": "bf16", "cache": str(cache), "threads": 1, "stream": True}
    path = write(tmp_path, lambda manifest: manifest.update(engine=engine), engine="jax")
    before = jax.config.jax_compilation_cache_dir
    trainer = bp.Trainer.resume(path)
    assert trainer.engine == bp.engines.jax(precision="bf16")
    trainer.fit(X, Y, epochs=1)
    assert not cache.exists()
    assert jax.config.jax_compilation_cache_dir == before
    own = bp.Trainer.resume(write(tmp_path, engine=bp.engines.numpy(scripts=False)))
    assert own.engine == bp.engines.numpy()


def test_an_engine_and_callbacks_that_the_caller_gives_keep_their_paths(tmp_path: Path):
    hostile = {"name": "checkpoint", "folder": str(tmp_path / "theirs")}
    path = write(tmp_path, lambda manifest: manifest.update(callbacks=[hostile]))
    mine = {"name": "checkpoint", "folder": str(tmp_path / "mine")}
    trainer = bp.Trainer.resume(path, callbacks=[mine], engine={"name": "numpy", "scripts": False})
    assert trainer.callbacks[0].folder == str(tmp_path / "mine")
    assert not trainer.engine.scripts


@dataclass(frozen=True)
class Log:
    """A callback that would write wherever it is told to."""

    where: str | os.PathLike[str] | None = None
    log_dir: Any = None
    out: str | None = None
    options: dict[str, Any] | None = None
    monitor: str = "validation.loss"

    @bp.hookimpl
    def bpframe_fit_end(self, state: Any) -> None:
        """Write to every place."""
        for place in (self.where, self.log_dir, self.out, (self.options or {}).get("to")):
            if place is not None:
                Path(place).write_text("written")


PLACES = [
    *({"where": text} for text in ("log", "log.csv", "/tmp/log", "../log", 3)),
    *({"log_dir": text} for text in ("runs", ["runs"], {"train": "runs"})),
    *({"out": text} for text in ("/tmp/log", "~/log", "./log", "a/b", "log.csv", "C:\\log", "file:///tmp/log", "a\\b")),
    {"options": {"to": "/tmp/log"}},
]


@pytest.fixture
def registered() -> None:
    bp.register("callback", "log", Log, replace=True)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("places", PLACES, ids=str)
def test_a_path_for_a_component_of_any_distribution_is_refused(tmp_path: Path, places: dict[str, Any]):
    log = {"name": "local/log", **places}
    path = write(tmp_path, lambda manifest: manifest.update(callbacks=[log]))
    with pytest.raises(CheckpointError, match=f"{next(iter(places))}: no path is taken from a file"):
        bp.Trainer.resume(path)
    assert bp.Trainer.resume(path, callbacks=[Log(where=tmp_path / "log")]).callbacks[0].where == tmp_path / "log"


@pytest.mark.usefixtures("registered")
def test_texts_that_are_no_paths_are_taken(tmp_path: Path):
    log = {"name": "local/log", "monitor": "train.top_2", "out": "plain text", "options": {"sign": "+"}}
    path = write(tmp_path, lambda manifest: manifest.update(callbacks=[log]))
    assert bp.Trainer.resume(path).callbacks == [Log(out="plain text", options={"sign": "+"}, monitor="train.top_2")]


@dataclass(frozen=True)
class Vocabulary:
    """A loss around another that would read a file."""

    path: str

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        """Squared error."""
        return ((scores - target) ** 2).sum(axis=1), 2 * (scores - target)

    link = "identity"


def test_a_path_inside_a_model_file_is_refused_too(tmp_path: Path):
    bp.register("loss", "vocabulary", Vocabulary, replace=True)
    trainer = bp.Trainer(bp.Network([bp.layers.dense(1)], inputs=3), {"name": "vocabulary", "path": "words"})
    trainer.save(tmp_path / "model")
    with pytest.raises(CheckpointError, match=r"path: no path is taken from a file, got 'words'"):
        bp.Trainer.load(tmp_path / "model")


def test_while_a_file_is_open_other_threads_build_with_paths(tmp_path: Path):
    from threading import Thread

    from bpframe.registry import path_arguments

    built: list[Any] = []
    with path_arguments.no_paths():
        thread = Thread(target=lambda: built.append(bp.build("callback", {"name": "checkpoint", "folder": "here"})))
        thread.start()
        thread.join()
        with pytest.raises(ValueError, match="no path is taken"):
            bp.build("callback", {"name": "checkpoint", "folder": "here"})
    assert built[0].folder == "here"


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_an_estimator_file_loads_without_the_callbacks_that_hold_paths(tmp_path: Path):
    writes = bp.callbacks.checkpoint(folder=tmp_path / "theirs")
    stops = bp.callbacks.early_stopping(monitor="train.loss")
    model = MLPRegressor(
        hidden_layer_sizes=(3,), max_iter=2, callbacks=[writes, stops], engine=bp.engines.jax(stream=True)
    )
    model.fit(X, X[:, 0]).save(tmp_path / "model")
    with pytest.warns(UserWarning, match="without its callback checkpoint: no path is taken from a file"):
        again = MLPRegressor.load(tmp_path / "model")
    assert [callback["name"] for callback in again.callbacks] == ["early_stopping"]
    assert again.engine == {"name": "jax", "precision": "highest"}
