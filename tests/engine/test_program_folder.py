"""Where compiled programs outlive a process: a folder for each processor and compiler, bounded in size."""

from __future__ import annotations

import os
from pathlib import Path

import jax
import numpy as np

import bpframe as bp
from bpframe.engine import program_folder
from bpframe.engine.program_folder import default_folder, programs_in, remove_oldest
from bpframe.saving import environment


def test_there_is_a_folder_within_a_block_alone(tmp_path):
    assert default_folder("compiler 1") is None
    with programs_in(None):
        assert default_folder("compiler 1") is None
    with programs_in(tmp_path / "programs"):
        folder = default_folder("compiler 1")
        assert folder is not None
        assert Path(folder).parent == tmp_path / "programs"
        assert Path(folder).is_dir()
        assert default_folder("compiler 1") == folder
    assert default_folder("compiler 1") is None


def test_another_processor_or_compiler_has_another_folder(tmp_path, monkeypatch):
    with programs_in(tmp_path):
        folders = {default_folder("compiler 1"), default_folder("compiler 2")}
        architecture, name, features = environment.processor()
        monkeypatch.setattr(environment, "processor", lambda: [architecture, name, f"{features} one-more"])
        folders.add(default_folder("compiler 1"))
    assert len(folders) == 3


def test_a_folder_that_cannot_be_made_is_none(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with programs_in(tmp_path / "file"):
        assert default_folder("compiler 1") is None


def test_programs_used_last_stay_within_the_bound(tmp_path, monkeypatch):
    for i, name in enumerate(["old", "read again", "new"]):
        path = tmp_path / f"key {i}" / name
        path.parent.mkdir()
        path.write_bytes(bytes(100))
        os.utime(path, (1000 + i, 1000 + i))
    os.utime(tmp_path / "key 1" / "read again", (2000, 1001))
    remove_oldest(tmp_path, 300)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 3
    remove_oldest(tmp_path, 299)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"read again", "new"}
    monkeypatch.setattr(program_folder, "MOST", 100)
    with programs_in(tmp_path):
        default_folder("compiler 1")
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"read again"}


def fit(units, **engine):
    network = bp.Network([bp.layers.dense(units), bp.layers.dense(2)])
    trainer = bp.Trainer(network, "softmax_cross_entropy", engine={"name": "jax", **engine}, metrics=[])
    trainer.fit(np.eye(4, 3), [0, 1, 0, 1], epochs=1, batch_size=2)


def test_jax_keeps_programs_in_it_unless_engine_or_program_has_chosen_a_folder(tmp_path):
    kept, own = tmp_path / "kept", tmp_path / "own"
    with programs_in(kept):
        fit(19)
        assert [path for path in kept.rglob("*-cache") if "_loop" in path.name]
    fit(20)
    assert jax.config.jax_compilation_cache_dir is None
    with programs_in(kept):
        fit(21, cache=own)
        assert jax.config.jax_compilation_cache_dir == str(own)
        fit(22)
        assert jax.config.jax_compilation_cache_dir == str(own)  # JAX's folder is one for the process
    jax.config.update("jax_compilation_cache_dir", None)
