"""A manifest made to harm is refused: no name in it is imported, no size believed."""

from __future__ import annotations

import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckpointError, UnknownComponent
from bpframe.saving import safetensors as format
from bpframe.saving import tensor_file
from tests.saving.hostile_names import NAMES


@pytest.fixture
def model(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray], dict[str, Any]]:
    """A small model's file, and what is in it."""
    network = bp.Network(["standardize", bp.layers.dense(3, "tanh"), bp.layers.dense(2)], inputs=4)
    trainer = bp.Trainer(network, "softmax_cross_entropy", "adam", metrics=["accuracy"])
    trainer.fit(np.eye(4), [0, 1, 1, 0], epochs=1)
    trainer.save(tmp_path / "model")
    return tmp_path / "model", *tensor_file.read_tensors(tmp_path / "model")


def altered(manifest: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy with another value at a place."""
    copy = json.loads(json.dumps(manifest))
    node = copy
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return copy


PLACES = [
    ("loss",),
    ("loss", "name"),
    ("optimizer", "name"),
    ("network", 0),
    ("network", 1, "name"),
    ("network", 1, "activation", "name"),
    ("network", 1, "weight_initializer"),
    ("metrics", 0),
    ("sampler",),
]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_name_in_a_manifest_is_looked_up_and_never_imported(model, place, tmp_path, monkeypatch):
    path, tensors, manifest = model
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    for name in ["evil:Component", "evil", "evil.Component", "evil/component", "bpframe/evil:Component", *NAMES]:
        tensor_file.write_tensors(path, tensors, altered(manifest, place, name))
        with pytest.raises((CheckpointError, UnknownComponent)):
            bp.Trainer.load(path)
    assert not {name for name in set(sys.modules) - before if not name.startswith(("bpframe", "numpy"))}


WIDE = [{"name": "dense", "units": 10**7, "bias": False}, {"name": "batch_norm"}, {"name": "dense", "units": 3}]
HUGE = [
    *((("network", 1, "units"), n) for n in (10**6, 2**31, 2**63, 10**600)),
    *((("network", 2, "units"), n) for n in (10**6, 10**12)),
    (("network", 1), {"name": "sequential", "layers": WIDE}),
    (("network",), [{"name": "dense", "units": 256}] * 100),
    *((("input_shape",), shape) for shape in ([10**6], [10**7], [2**40], [10**9, 10**9], [10**600], [4] * 1000)),
    (("network", 1, "weight_initializer"), {"name": "constant", "value": 10**600}),
    (("learned", "dtype"), "<U1000000000"),
    (("learned", "dtype"), "|V1000000000"),
    (("learned", "classes"), []),
    (("learned", "classes"), [{"name": "dense"}, None]),
    (("learned", "classes"), [[0, 1]]),
    (("optimizer", "lr"), 10**600),
]


@pytest.mark.parametrize(("place", "value"), HUGE, ids=lambda value: str(value)[:40])
def test_a_manifest_that_asks_for_more_than_its_file_has_is_refused_in_little_memory(model, place, value):
    path, tensors, manifest = model
    tensor_file.write_tensors(path, tensors, altered(manifest, place, value))
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError):
            bp.Trainer.load(path)
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_tensors_of_other_shapes_are_refused(model):
    path, tensors, manifest = model
    bp.Trainer.load(path)
    for name, array in tensors.items():
        for other in (array[:1], array[..., None], np.zeros((0,)), array.T[::1].reshape(-1)[:-1]):
            tensor_file.write_tensors(path, {**tensors, name: other}, manifest)
            with pytest.raises(CheckpointError, match=name):
                bp.Trainer.load(path)
    tensor_file.write_tensors(path, {**tensors, "more/weight": np.ones(3)}, manifest)
    with pytest.raises(CheckpointError, match="more/weight"):
        bp.Trainer.load(path)


def test_a_manifest_nested_as_deep_as_a_file_may_is_refused(model):
    path, tensors, manifest = model
    deep: Any = {"name": "dense", "units": 3}
    for _ in range((format.MAX_DEPTH - 3) // 2):  # two levels each, within a manifest, a list and a dense layer
        deep = {"name": "sequential", "layers": [deep]}
    tensor_file.write_tensors(path, tensors, altered(manifest, ("network", 1), deep))
    with pytest.raises(CheckpointError, match="cannot be made into a model"):
        bp.Trainer.load(path)
    deeper = altered(manifest, ("network", 1), {"name": "sequential", "layers": [deep]})
    with pytest.raises(CheckpointError, match="nested more than"):
        tensor_file.write_tensors(path, tensors, deeper)
