"""A layer's label belongs to what holds the layer; the layer itself stays as it was made."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, replace

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, ShapeError
from bpframe.registry import registry
from bpframe.registry.describe import describe
from bpframe.registry.nested import walk

X = np.random.default_rng(5).normal(size=(20, 3))
Y = np.arange(20) % 2
DENSE = bp.layers.dense(3)


@dataclass(frozen=True, slots=True)
class Scale:
    """y = factor x."""

    factor: float = 2.0

    def init(self, rng, in_shape):
        """No parameters."""
        return {}, in_shape

    def forward(self, params, x, context):
        """(factor x, nothing)."""
        return self.factor * x, None

    def backward(self, params, cache, dy, context):
        """(factor dy, nothing)."""
        return self.factor * dy, {}


@dataclass(frozen=True, slots=True)
class Named(Scale):
    """A layer with an argument `label` of its own."""

    label: str = "mine"


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    """Names for the layers above, as long as a test runs."""
    monkeypatch.setattr(registry, "_local", dict(registry._local))
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    bp.register("layer", "scale", Scale, replace=True)
    bp.register("layer", "named", Named, replace=True)


def trained(layers):
    trainer = bp.Trainer(bp.Network(layers), loss="softmax_cross_entropy", optimizer="sgd")
    trainer.fit(X, Y, epochs=1)
    return trainer


def holding(holder, layers):
    argument = {"parallel": "branches"}.get(holder, "layers")
    return {"name": holder, argument: layers}


@pytest.mark.parametrize("layer", [{"name": "scale", "label": "hidden"}, bp.layers.dropout(0.5, label="hidden")])
def test_a_label_names_a_layer_in_a_network(layer):
    trainer = trained([layer, bp.layers.dense(2)])
    assert trainer.network.labels == ("hidden", "dense_1")
    assert trainer.trace(X, Y).layers[0].name == "hidden"


@pytest.mark.parametrize("holder", ["parallel", "residual", "sequential"])
@pytest.mark.parametrize("form", ["mapping", "object"])
def test_labels_inside_layers_name_tensors(holder, form):
    label = {"label": "inside"}
    layer = {"name": "dense", "units": 3, **label} if form == "mapping" else bp.layers.dense(3, **label)
    scale = {"name": "scale", "label": "twice"}
    trainer = trained([{**holding(holder, [layer, scale]), "label": "outside"}, bp.layers.dense(2)])
    assert "outside/inside/weight" in trainer.parameters
    assert [label for label, _ in trainer.network.layers] == ["outside", "dense_1"]


@pytest.mark.parametrize("holder", ["parallel", "residual", "sequential"])
def test_two_equal_labels_inside_a_layer_are_an_error_of_that_layer(holder):
    twice = [bp.layers.dense(3, label="a"), bp.layers.dense(3, label="a")]
    with pytest.raises(ConfigError, match=rf"{holder} needs a different label for each layer, .* got \['a', 'a'\]"):
        bp.Network([holding(holder, twice)])


def test_labels_inside_layers_come_back_from_a_file(tmp_path):
    trainer = trained([bp.layers.sequential([bp.layers.dense(3, label="inside")], label="outside"), DENSE])
    trainer.save(tmp_path / "model.safetensors")
    again = bp.Trainer.load(tmp_path / "model.safetensors")
    assert list(again.parameters) == list(trainer.parameters)
    np.testing.assert_array_equal(again.predict(X), trainer.predict(X))


def test_a_label_leaves_the_layer_as_it_is():
    tagged = bp.layers.dense(3, label="tag")
    assert bp.Network([tagged]).layers == (("tag", DENSE),)
    assert not hasattr(bp.Network([tagged]).layers[0][1], "label")


def test_equality_repr_and_replace_tell_of_the_label():
    tagged = bp.layers.dense(3, label="tag")
    assert tagged != DENSE
    assert tagged != bp.layers.dense(3, label="other")
    assert tagged == bp.layers.dense(3, label="tag")
    assert hash(tagged) == hash(bp.layers.dense(3, label="tag"))
    assert repr(tagged) == f"Labelled(label='tag', layer={DENSE!r})"
    assert replace(tagged, label="other") == bp.layers.dense(3, label="other")
    assert replace(tagged, layer=replace(tagged.layer, units=4)) == bp.layers.dense(4, label="tag")
    with pytest.raises(FrozenInstanceError):
        tagged.label = "other"


def test_a_labelled_layer_can_be_used_as_the_layer():
    tagged = bp.layers.dense(3, label="tag")
    assert (tagged.units, tagged.label) == (3, "tag")
    params, shape = tagged.init(np.random.default_rng(1), (2,))
    assert shape == (3,)
    assert params.keys() == {"weight", "bias"}
    with pytest.raises(AttributeError, match="'Dense' object has no attribute 'width'"):
        tagged.width  # noqa: B018


def test_a_labelled_layer_can_be_copied_and_pickled():
    tagged = bp.layers.dense(3, label="tag")
    assert copy.deepcopy(tagged) == copy.copy(tagged) == pickle.loads(pickle.dumps(tagged)) == tagged


def test_a_description_holds_the_label_and_makes_the_same_again():
    held = bp.layers.parallel([bp.layers.dense(3, label="a"), {"name": "scale", "label": "b"}], label="both")
    spec = describe(registry, "layer", held)
    assert (spec["name"], spec["label"]) == ("parallel", "both")
    assert [branch["label"] for branch in spec["branches"]] == ["a", "b"]
    assert bp.build("layer", spec) == held
    assert bp.build("layer", held, join="sum").label == "both"


def test_the_walk_looks_inside_a_labelled_layer():
    held = bp.layers.sequential([bp.layers.dense(3, activation="tanh", label="a")], label="b")
    assert [path for path, _, _ in walk("layer", held)][:3] == ["", "layers[0]", "layers[0].activation"]


def test_specifications_inside_a_labelled_object_are_built():
    dense = type(DENSE)
    tagged = replace(bp.layers.dense(3, label="tag"), layer=dense(3, activation="tanh"))
    assert bp.Network([tagged]).layers[0] == ("tag", bp.layers.dense(3, activation="tanh"))


def test_a_layers_own_argument_label_stays_its_own_and_names_it():
    network = bp.Network([{"name": "named", "label": "own"}, bp.layers.dense(2)])
    assert network.layers[0] == ("own", Named(label="own"))
    assert bp.Network([Named()]).labels == ("mine",)


def test_errors_about_shapes_name_the_label():
    with pytest.raises(ShapeError, match=r"layer 1 \('tag'\)"):
        bp.Network([bp.layers.reshape([3], label="tag")]).init(0, (2, 2))


def test_the_kit_checks_layers_that_hold_labelled_ones():
    held = bp.layers.parallel([bp.layers.dense(3, label="a"), bp.layers.dense(2, label="b")])
    assert bp.testing.check_layer(held).passed
    assert bp.testing.check_layer(bp.layers.dense(3, label="a")).passed


def test_a_layer_with_slots_and_a_label_comes_back_from_its_files(tmp_path):
    made = trained([bp.layers.scale(0.5, label="hidden"), bp.layers.dense(2)])
    made.save(tmp_path / "model")
    made.checkpoint(tmp_path / "checkpoint")
    for again in (bp.Trainer.load(tmp_path / "model"), bp.Trainer.resume(tmp_path / "checkpoint")):
        assert again.network.labels == ("hidden", "dense_1")
        np.testing.assert_array_equal(again.predict(X), made.predict(X))


def test_replace_of_a_labelled_layer_takes_the_layers_arguments_and_keeps_its_label():
    wider = replace(bp.layers.dense(3, label="hidden"), units=4)
    assert wider == bp.layers.dense(4, label="hidden")
    assert bp.Network([wider]).labels == ("hidden",)
    with pytest.raises(TypeError, match="unit"):
        replace(wider, unit=5)


def test_repr_of_a_network_shows_labels_that_were_given_and_no_others():
    text = repr(bp.Network([bp.layers.dense(3, label="hidden"), bp.layers.dense(2)]))
    assert text.startswith("Network([Labelled(label='hidden', layer=Dense(units=3,")
    assert text.count("label") == 1


def test_an_empty_label_is_refused():
    with pytest.raises(ConfigError, match="different label"):
        bp.Network([bp.layers.dense(3, label="")])
