"""A saved model loads with the same bits and trains on; a file that does not fit is refused."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.numpy.session import NumpyEngine
from bpframe.errors import CheckpointError, ConfigError
from bpframe.registry import registry
from tests.training.problems import (
    LABELS,
    NAMES,
    XV,
    Backwards,
    Ball,
    FourthPower,
    X,
    Y,
    classifier,
    linear,
    regressor,
    same,
)


def models() -> dict[str, Any]:
    adam = {"name": "adam", "lr": {"name": "cosine", "initial": 0.05}}
    scaled = [{"name": "standardize"}, bp.layers.dense(5, activation={"name": "elu", "alpha": 0.5}, label="hidden")]
    return {
        "classes": (classifier(optimizer=adam), LABELS),
        "text, scaled": (
            regressor([*scaled, bp.layers.dense(3)], loss="softmax_cross_entropy", optimizer="momentum"),
            NAMES[LABELS],
        ),
        "bool, one score": (regressor([bp.layers.dense(1)], loss="sigmoid_cross_entropy"), LABELS == 1),
        "small whole numbers": (classifier(), LABELS.astype(np.uint8)),
        "quantities": (regressor(loss={"name": "huber", "delta": 0.5}, regularizers=["l2"], metrics=["mae"]), Y),
        "float32": (classifier(dtype="float32"), LABELS),
        "the long way": (regressor([*scaled, bp.layers.dense(3, activation="softmax")], loss="cross_entropy"), LABELS),
    }


@pytest.mark.parametrize("name", models())
def test_a_loaded_model_gives_the_same_bits_and_trains_on(name, tmp_path):
    trainer, y = models()[name]
    trainer.fit(X, y, epochs=3)
    trainer.save(tmp_path / "model.safetensors")
    loaded = bp.Trainer.load(str(tmp_path / "model.safetensors"))
    assert same(trainer, loaded)
    np.testing.assert_array_equal(loaded.scores(XV), trainer.scores(XV))
    np.testing.assert_array_equal(loaded.predict(XV), trainer.predict(XV))
    assert loaded.evaluate(X, y) == trainer.evaluate(X, y)
    assert (loaded.dtype, loaded.seed, loaded.network.labels) == (trainer.dtype, trainer.seed, trainer.network.labels)
    assert loaded.network.summary() == trainer.network.summary()
    if trainer.task.classes:
        labels = loaded.predict_labels(XV)
        np.testing.assert_array_equal(labels, trainer.predict_labels(XV))
        assert labels.dtype == trainer.predict_labels(XV).dtype
    before = loaded.parameters.copy()
    history = loaded.fit(X, y, epochs=2)
    assert len(history) == 2
    buffers = [key for key in before if "buffers" in key]
    assert all(np.array_equal(loaded.parameters[key], before[key]) for key in buffers)  # learned once
    assert not same(trainer, loaded)


def test_a_loaded_model_saved_again_is_the_same_file(tmp_path):
    trainer, y = models()["text, scaled"]
    trainer.fit(X, y, epochs=1)
    trainer.save(tmp_path / "one")
    bp.Trainer.load(tmp_path / "one").save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def manifest_of(path: Any) -> tuple[dict[str, Any], int]:
    """(the JSON of a model file's header, where its tensors begin)."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), 8 + size


def test_a_model_file_is_a_json_header_and_tensors_that_fill_the_rest_so_no_pickle_fits_in(tmp_path):
    from safetensors.numpy import load_file

    trainer, y = models()["text, scaled"]
    trainer.fit(X, y, epochs=1)
    path = tmp_path / "model.safetensors"
    trainer.save(path)
    tensors = load_file(path)
    assert {name: array.tolist() for name, array in tensors.items()} == {
        name: array.tolist() for name, array in trainer.parameters.items()
    }
    header, start = manifest_of(path)
    assert start + sum(array.nbytes for array in tensors.values()) == path.stat().st_size
    text = json.dumps(header)
    assert "bpframe_" not in json.dumps(
        {key: part for key, part in json.loads(header["__metadata__"]["manifest"]).items() if key != "plugins"}
    )
    assert "pickle" not in text


def test_the_manifest_names_every_component_with_its_arguments_and_where_it_came_from(tmp_path):
    trainer, y = models()["text, scaled"]
    trainer.fit(X, y, epochs=1)
    trainer.save(tmp_path / "model")
    found = json.loads(manifest_of(tmp_path / "model")[0]["__metadata__"]["manifest"])
    assert found["network"][1]["activation"] == {"name": "elu", "alpha": 0.5}
    assert [layer["label"] for layer in found["network"]] == ["standardize_1", "hidden", "dense_2"]
    assert found["optimizer"] == {"name": "momentum", "lr": 0.01, "momentum": 0.9, "flavor": "torch"}
    assert found["learned"]["classes"] == ["ant", "bee", "caterpillar"]
    assert found["bpframe"] == bp.__version__
    assert {
        "kind": "activation",
        "name": "bpframe/elu",
        "version": bp.__version__,
        "target": "bpframe_activations.elu:Elu",
    } in found["plugins"]


def test_saving_leaves_the_old_file_alone_when_it_fails(tmp_path):
    trainer, y = models()["classes"]
    trainer.fit(X, y, epochs=1)
    path = tmp_path / "model"
    trainer.save(path)
    before = path.read_bytes()
    nameless = linear(loss=FourthPower())
    nameless.fit(X, Y, epochs=1)
    with pytest.raises(ConfigError, match=r"FourthPower has no name.*bp.register\('loss'"):
        nameless.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_a_file_that_is_no_model_is_refused(tmp_path):
    from safetensors.numpy import save_file

    (tmp_path / "text").write_text("hello world, this is no model")
    save_file({"a": np.zeros(3)}, tmp_path / "tensors")
    for name in ("text", "tensors", "missing"):
        with pytest.raises(CheckpointError, match=name):
            bp.Trainer.load(tmp_path / name)


@pytest.mark.usefixtures("named")
def test_a_model_of_the_programs_own_components_loads_where_they_are_registered(tmp_path):
    settings = {
        "loss": {"name": "fourth_power", "scale": 0.1},
        "metrics": ["sum_of_errors"],
        "gradient_steps": ["halve"],
        "constraints": [{"name": "ball", "radius": 0.5}],
        "optimizer": {"name": "sgd", "lr": 0.01},
    }
    trainer, twin = linear(**settings), linear(**settings)
    trainer.fit(X, Y, epochs=2)
    trainer.save(tmp_path / "model")
    loaded = bp.Trainer.load(tmp_path / "model")
    assert same(trainer, loaded)
    assert (loaded.loss, loaded.constraints) == (FourthPower(0.1), [Ball(0.5)])
    twin.trace(X, Y)
    twin.parameters.replace(trainer.parameters.copy())
    for other in (loaded, twin):
        other.fit(X, Y, epochs=2)
    assert same(loaded, twin)
    registry._local.clear()
    with pytest.raises(bp.errors.UnknownComponent, match="no loss named 'local/fourth_power'"):
        bp.Trainer.load(tmp_path / "model")


@pytest.mark.usefixtures("named")
def test_a_sampler_is_kept_with_the_model(tmp_path):
    trainer = linear(sampler="backwards")
    trainer.fit(X, Y, epochs=1)
    trainer.save(tmp_path / "model")
    assert bp.Trainer.load(tmp_path / "model").sampler == Backwards()


@pytest.fixture
def foreign_loss(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A distribution "elsewhere" that offers the loss fourth_power; what is imported of it is noted."""
    from bpframe.registry.catalog import Catalog
    from bpframe.registry.metadata_scan import core, third_parties
    from bpframe.registry.provider import Provider

    imported: list[str] = []

    def load() -> Any:
        imported.append("fourth_power")
        return FourthPower

    provider = Provider("loss", "fourth_power", "elsewhere", "1.0", f"{__name__}:FourthPower", load=load)
    monkeypatch.setattr(registry, "_catalog", Catalog(core, third_parties, lambda: [provider]))
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    return imported


def saved_foreign(path: Any, loss: Any = "fourth_power") -> None:
    trainer = linear(loss=loss, optimizer={"name": "sgd", "lr": 0.01})
    trainer.fit(X, Y, epochs=1)
    trainer.save(path)


def test_a_model_of_a_third_partys_component_loads_only_where_its_distribution_is_named(tmp_path, foreign_loss):
    saved_foreign(tmp_path / "model")
    registry._loaded.clear()
    foreign_loss.clear()
    with pytest.raises(CheckpointError, match=r"needs plugins of elsewhere. .*plugins=\['elsewhere'\]"):
        bp.Trainer.load(tmp_path / "model")
    assert foreign_loss == []
    assert bp.Trainer.load(tmp_path / "model", plugins=["Elsewhere"]).loss == FourthPower()
    assert foreign_loss == ["fourth_power"]


@pytest.mark.parametrize(
    "loss",
    ["elsewhere/fourth_power", "fourth_power", {"name": "fourth_power"}, {"name": "Elsewhere/fourth_power"}],
    ids=str,
)
def test_a_forged_manifest_cannot_smuggle_a_third_partys_component_in(loss, tmp_path, foreign_loss):
    from bpframe.saving import tensor_file

    saved_foreign(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    tensor_file.write_tensors(tmp_path / "forged", tensors, {**manifest, "loss": loss})
    registry._loaded.clear()
    foreign_loss.clear()
    with pytest.raises(bp.errors.BpframeError, match="elsewhere"):
        bp.Trainer.load(tmp_path / "forged")
    assert foreign_loss == []


def test_nor_can_a_forged_manifest_as_the_argument_of_a_layer(tmp_path, foreign_loss, monkeypatch):
    from bpframe.registry.catalog import Catalog
    from bpframe.registry.metadata_scan import core, third_parties
    from bpframe.registry.provider import Provider
    from bpframe.saving import tensor_file

    def load() -> Any:
        foreign_loss.append("bump")
        return bp.load("activation", "tanh")

    bump = Provider("activation", "bump", "elsewhere", "1.0", "elsewhere:Bump", load=load)
    monkeypatch.setattr(registry, "_catalog", Catalog(core, third_parties, lambda: [bump]))
    registry.refresh()
    trainer = linear()
    trainer.fit(X, Y, epochs=1)
    trainer.save(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    manifest["network"][0]["activation"] = "elsewhere/bump"
    tensor_file.write_tensors(tmp_path / "forged", tensors, manifest)
    with pytest.raises(bp.errors.BpframeError, match="elsewhere"):
        bp.Trainer.load(tmp_path / "forged")
    assert foreign_loss == []


def test_a_model_file_of_a_later_schema_is_refused(tmp_path):
    from bpframe.saving import tensor_file

    trainer, y = models()["classes"]
    trainer.fit(X, y, epochs=1)
    trainer.save(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    tensor_file.write_tensors(tmp_path / "later", tensors, {**manifest, "schema": 99})
    with pytest.raises(CheckpointError, match=r"schema 99, this bpframe reads 1\. Install a newer bpframe"):
        bp.Trainer.load(tmp_path / "later")


@pytest.mark.parametrize(
    "damage",
    [
        {"network": []},
        {"network": "dense"},
        {"network": [{"name": "dense", "units": 5}, {"name": "dense", "units": 3}]},
        {"loss": {"name": "huber", "width": 3}},
        {"optimizer": None},
        {"seed": -1},
        {"dtype": "float16"},
        {"input_shape": [5]},
        {"input_shape": None},
        {"input_shape": "four"},
        {"learned": None},
        {"metrics": "accuracy"},
        {"regularizers": [{"strength": 1.0}]},
    ],
    ids=str,
)
def test_a_manifest_that_does_not_fit_is_a_checkpoint_error(damage, tmp_path):
    from bpframe.saving import tensor_file

    trainer, y = models()["classes"]
    trainer.fit(X, y, epochs=1)
    trainer.save(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    tensor_file.write_tensors(tmp_path / "damaged", tensors, {**manifest, **damage})
    with pytest.raises(CheckpointError, match="damaged"):
        bp.Trainer.load(tmp_path / "damaged")


def test_a_manifest_that_lacks_a_part_is_a_checkpoint_error(tmp_path):
    from bpframe.saving import tensor_file

    trainer, y = models()["classes"]
    trainer.fit(X, y, epochs=1)
    trainer.save(tmp_path / "model")
    tensors, manifest = tensor_file.read_tensors(tmp_path / "model")
    for part in (
        "network",
        "loss",
        "optimizer",
        "learned",
        "seed",
        "dtype",
        "metrics",
        "input_shape",
        "schema",
        "kind",
    ):
        tensor_file.write_tensors(
            tmp_path / "less", tensors, {key: value for key, value in manifest.items() if key != part}
        )
        with pytest.raises(CheckpointError, match="less"):
            bp.Trainer.load(tmp_path / "less")
    for name in tensors:
        tensor_file.write_tensors(
            tmp_path / "less", {key: array for key, array in tensors.items() if key != name}, manifest
        )
        with pytest.raises(CheckpointError, match=name):
            bp.Trainer.load(tmp_path / "less")


def test_the_engine_of_a_loaded_model_is_the_callers_choice_whoever_provides_it(tmp_path, monkeypatch):
    from bpframe.registry.catalog import Catalog
    from bpframe.registry.metadata_scan import core, third_parties
    from bpframe.registry.provider import Provider

    trainer = linear()
    trainer.fit(X, Y, epochs=1)
    trainer.save(tmp_path / "model")
    swift = Provider("engine", "swift", "elsewhere", "1.0", "elsewhere:Swift", load=lambda: NumpyEngine)
    monkeypatch.setattr(registry, "_catalog", Catalog(core, third_parties, lambda: [swift]))
    registry.refresh()
    try:
        loaded = bp.Trainer.load(tmp_path / "model", engine="elsewhere/swift")
    finally:
        monkeypatch.undo()
        registry.refresh()
    assert np.array_equal(loaded.scores(X), trainer.scores(X))
