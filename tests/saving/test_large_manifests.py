"""Reading a file takes time in proportion to its size: twice as much of anything makes twice as many calls."""

from __future__ import annotations

import cProfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckpointError
from bpframe.saving import tensor_file

Content = tuple[dict[str, Any], dict[str, Any]]
N = 100


def trainer() -> Any:
    return bp.Trainer(bp.Network([bp.layers.dense(1)], inputs=1), "mse")


@pytest.fixture
def model(tmp_path: Path) -> Content:
    trainer().save(tmp_path / "model")
    return tensor_file.read_tensors(tmp_path / "model")


def dense(content: Content, n: int) -> Content:
    manifest = content[1]
    shapes = {"weight": (1, 1), "bias": (1,)}
    layers = [{"name": "dense", "units": 1, "label": f"layer {i}"} for i in range(n)]
    many = {f"layer {i}/{name}": np.zeros(shape, "f4") for i in range(n) for name, shape in shapes.items()}
    return many, manifest | {"network": layers}


def activations(content: Content, n: int) -> Content:
    tensors, manifest = content
    return tensors, manifest | {"network": [{"name": "activation", "activation": "tanh"}] * n + manifest["network"]}


def sequence(content: Content, n: int) -> Content:
    tensors, manifest = content
    inner = [{"name": "activation", "activation": "tanh"}] * n
    return tensors, manifest | {"network": [{"name": "sequential", "layers": inner}, *manifest["network"]]}


def several(name: str, spec: dict[str, Any]) -> Callable[[Content, int], Content]:
    return lambda content, n: (content[0], content[1] | {name: [spec] * n})


MANY = {
    "dense layers": dense,
    "layers without labels": activations,
    "layers inside a layer": sequence,
    "metrics": several("metrics", {"name": "mae"}),
    "groups": several("groups", {"match": "*/bias"}),
    "regularizers": several("regularizers", {"name": "l2"}),
    "gradient steps": several("gradient_steps", {"name": "clip_norm"}),
}


def calls(function: Callable[[], object]) -> int:
    """How many calls a function makes, in Python and in C."""
    profile = cProfile.Profile()
    profile.runcall(function)
    return sum(entry.callcount for entry in profile.getstats())


def load_and_use(path: Path) -> None:
    loaded = bp.Trainer.load(path)
    loaded.fit(np.zeros((2, 1)), np.zeros((2, 1)), epochs=1)
    loaded.checkpoint(path)
    bp.Trainer.resume(path)


@pytest.mark.parametrize("what", MANY)
def test_twice_as_much_in_a_file_makes_about_twice_as_many_calls(model: Content, tmp_path: Path, what: str):
    counts = []
    for n in (1, N, 2 * N):  # the first loads what is imported once
        tensor_file.write_tensors(tmp_path / "large", *MANY[what](model, n))
        counts.append(calls(lambda: load_and_use(tmp_path / "large")))
    print(f"measured: calls for {N} and {2 * N} {what}: {counts[1]}, {counts[2]}")
    assert counts[2] < 2.2 * counts[1]


@pytest.mark.slow
def test_a_file_of_20_000_layers_loads(model: Content, tmp_path: Path):
    for make in (dense, activations, sequence):
        tensor_file.write_tensors(tmp_path / "large", *make(model, 20_000))
        start = time.process_time()
        bp.Trainer.load(tmp_path / "large")
        print(f"measured: seconds to load 20,000 layers, {make.__name__}: {time.process_time() - start:.2f}")


def test_a_list_that_would_keep_its_reader_busy_for_long_is_refused(model: Content, tmp_path: Path):
    tensors, manifest = activations(model, 2**11)
    groups = manifest | {"groups": [{"match": f"*{i}"} for i in range(2**10)]}
    tensor_file.write_tensors(tmp_path / "model", tensors, groups)
    with pytest.raises(CheckpointError, match="its groups need 1048576 comparisons with layers at most, got 2098176"):
        bp.Trainer.load(tmp_path / "model")
    made = trainer()
    made.checkpoint(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    callbacks = [{"name": "early_stopping", "monitor": "train.loss"}] * 2000
    tensor_file.write_tensors(tmp_path / "model", tensors, manifest | {"callbacks": callbacks})
    with pytest.raises(CheckpointError, match="needs 1024 callbacks at most, got 2000"):
        bp.Trainer.resume(tmp_path / "model")


def test_an_error_does_not_repeat_a_whole_file(model: Content, tmp_path: Path):
    tensors, manifest = model
    tensor_file.write_tensors(tmp_path / "model", tensors, manifest | {"network": [{"name": "dens"}] * 2000})
    with pytest.raises(CheckpointError) as caught:
        bp.Trainer.load(tmp_path / "model")
    assert len(str(caught.value)) < 3000
