"""A network: its layers from any specification, their labels, initial parameters and summary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import ConfigError, IncompatibleComponent, ShapeError, UnknownComponent


class Swap:
    """A layer that nobody registered: rows backwards."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return x[:, ::-1], None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy[:, ::-1], {}


# layers and their labels


def test_layers_come_from_names_mappings_and_objects():
    network = bp.Network(["standardize", {"name": "dense", "units": 3}, bp.layers.dense(2), Swap()])
    assert [type(layer).__name__ for _, layer in network.layers] == ["Standardize", "Dense", "Dense", "Swap"]


def test_labels_are_the_components_names_numbered_by_kind():
    network = bp.Network([bp.layers.dense(3), "standardize", bp.layers.dense(2), Swap(), Swap()])
    assert network.labels == ("dense_1", "standardize_1", "dense_2", "swap_1", "swap_2")


def test_a_label_of_ones_own_replaces_the_number_and_the_count_goes_on():
    network = bp.Network([bp.layers.dense(3), bp.layers.dense(3, label="middle"), {"name": "dense", "units": 2}])
    assert network.labels == ("dense_1", "middle", "dense_3")


def test_one_layer_may_stand_twice_and_has_weights_of_its_own_in_each_place():
    layer = bp.layers.dense(3)
    params, _ = bp.Network([layer, layer]).init(0, (3,))
    assert list(params) == ["dense_1", "dense_2"]
    assert not np.array_equal(params["dense_1"]["weight"], params["dense_2"]["weight"])


@pytest.mark.parametrize("label", ["a/b", "buffers", 3, ["a"]], ids=str)
def test_a_label_that_could_not_name_a_tensor_is_an_error(label):
    with pytest.raises(ConfigError, match="label"):
        bp.Network([{"name": "dense", "units": 2, "label": label}])


def test_two_layers_of_the_same_label_are_an_error_that_lists_them():
    with pytest.raises(ConfigError, match=r"different label for each layer, .* got \['a', 'a'\]. Set label="):
        bp.Network([{"name": "dense", "units": 2, "label": "a"}, {"name": "dense", "units": 3, "label": "a"}])
    with pytest.raises(ConfigError, match=r"got \['dense_2', 'dense_2'\]"):
        bp.Network([bp.layers.dense(2, label="dense_2"), bp.layers.dense(2)])


def test_a_label_does_not_change_what_a_layer_is():
    plain, tagged = bp.layers.dense(3), bp.layers.dense(3, label="tag")
    assert plain == tagged.layer
    one, two = bp.Network([plain]).init(5, (2,))[0], bp.Network([tagged]).init(5, (2,))[0]
    np.testing.assert_array_equal(one["dense_1"]["weight"], two["tag"]["weight"])


# what it refuses


@pytest.mark.parametrize(
    "layers", [[], (), "dense", None, 3, {"name": "dense", "units": 2}, bp.layers.dense(2)], ids=repr
)
def test_what_is_no_list_of_layers_is_an_error(layers):
    with pytest.raises(ConfigError, match=r"Network needs a list of layers, got .*bp.layers.dense\(10\)"):
        bp.Network(layers)


def test_all_mistakes_are_told_at_once_each_with_its_place():
    layers = [
        {"name": "dens", "units": 2},
        {"name": "dense", "unit": 3},
        {"name": "dense", "units": 2, "activation": "tanhh"},
    ]
    with pytest.raises(ConfigError) as caught:
        bp.Network(layers)
    paths = [problem.path for problem in caught.value.problems]
    assert paths == ["layers[0].name", "layers[1].unit", "layers[1].units", "layers[2].activation.name"]
    assert "Did you mean 'dense'" in str(caught.value)
    assert "Did you mean 'tanh'" in str(caught.value)


def test_one_unknown_layer_is_an_unknown_component():
    with pytest.raises(UnknownComponent, match=r"no layer named 'relu'.*\('relu' is an activation.\)"):
        bp.Network(["relu"])


def test_what_has_no_forward_and_backward_is_no_layer():
    with pytest.raises(IncompatibleComponent, match="lacks backward, forward"):
        bp.Network([bp.Network([bp.layers.dense(2)])])


@pytest.mark.parametrize("inputs", [0, -3, 2.5, "4", True, (), [3, 0], [2, "a"], [None], {"n": "a"}], ids=repr)
def test_inputs_that_are_no_width_are_an_error(inputs):
    with pytest.raises(ConfigError, match="Network needs whole numbers of at least 1 as inputs, got"):
        bp.Network([bp.layers.dense(2)], inputs=inputs)
    with pytest.raises(ConfigError, match="Network needs whole numbers of at least 1 as inputs, got"):
        bp.Network([bp.layers.dense(2)]).summary(inputs=inputs)


@pytest.mark.parametrize("inputs", [4, np.int64(4), (4,), [4], [np.int32(4)]], ids=repr)
def test_inputs_may_be_a_width_or_a_shape(inputs):
    network = bp.Network([bp.layers.dense(2)], inputs=inputs)
    assert network.input_shape == (4,)
    assert type(network.input_shape[0]) is int


def test_inputs_left_out_are_unknown():
    assert bp.Network([bp.layers.dense(2)]).input_shape is None


def test_a_shape_that_a_layer_cannot_take_names_layer_label_and_the_one_before():
    with pytest.raises(
        ShapeError,
        match=r"^layer 1 \('dense_1'\): dense needs rows with an axis of features, .*, got \(\). Reshape them.$",
    ):
        bp.Network([bp.layers.dense(2)]).init(0, ())
    with pytest.raises(ShapeError, match=r"^layer 2 \('last'\): .* The layer before it, 'swap_1', gives \(2, 3\).$"):
        bp.Network([Swap(), bp.layers.reshape([5], label="last")]).init(0, (2, 3))


# initial parameters


def test_each_layer_draws_from_a_stream_of_its_own():
    params, out = bp.Network([bp.layers.dense(5), bp.layers.dense(2)]).init(7, (3,))
    assert out == (2,)
    for k, (label, n, m) in enumerate((("dense_1", 3, 5), ("dense_2", 5, 2))):
        sequence = np.random.SeedSequence(7, spawn_key=(0, k))
        u = np.random.Generator(np.random.PCG64(sequence)).random((n, m))
        bound = (6 / (n + m)) ** 0.5
        np.testing.assert_allclose(params[label]["weight"], (2 * u - 1) * bound, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(params[label]["bias"], np.zeros(m))


def test_a_layer_starts_the_same_whatever_stands_before_it():
    one, _ = bp.Network([bp.layers.dense(4), bp.layers.dense(2)]).init(1, (3,))
    two, _ = bp.Network([{"name": "dense", "units": 4, "weight_initializer": "he_normal"}, bp.layers.dense(2)]).init(
        1, (3,)
    )
    assert not np.array_equal(one["dense_1"]["weight"], two["dense_1"]["weight"])
    np.testing.assert_array_equal(one["dense_2"]["weight"], two["dense_2"]["weight"])


def test_init_hands_out_new_arrays_and_keeps_none():
    network = bp.Network([bp.layers.dense(2)])
    first = network.init(0, (3,))[0]["dense_1"]["weight"]
    kept = first.copy()
    first[...] = 0
    np.testing.assert_array_equal(network.init(0, (3,))[0]["dense_1"]["weight"], kept)
    assert not np.array_equal(network.init(1, (3,))[0]["dense_1"]["weight"], kept)


# what it prints


def test_the_summary_tells_label_component_output_and_parameters_of_each_layer():
    network = bp.Network(
        ["standardize", bp.layers.dense(50, activation="tanh", label="hidden"), bp.layers.dense(2, bias=False)]
    )
    lines = network.summary(inputs=30).splitlines()
    assert lines[0].split() == ["layer", "component", "output", "parameters"]
    assert [line.split()[0] for line in lines[1:]] == ["standardize_1", "hidden", "dense_2", "total"]
    assert [line.split()[-1] for line in lines[1:]] == ["0", "1,550", "100", "1,650"]  # buffers do not count
    assert "dense(units=50, activation=tanh)" in lines[2]
    assert "(50,)" in lines[2]
    starts = {line.index("(", line.rindex(")") - 4) for line in lines[1:4]}
    assert len(starts) == 1


def test_the_summary_without_inputs_says_when_it_will_know_more():
    lines = bp.Network([bp.layers.dense(3), bp.layers.dense(2)]).summary().splitlines()
    assert len(lines) == 3
    assert all(line.endswith("? (known after the first fit, or with inputs=)") for line in lines[1:])


def test_the_summary_for_other_inputs_leaves_the_network_as_it_is():
    network = bp.Network([bp.layers.dense(2)], inputs=4)
    assert network.summary(inputs=9).splitlines()[-1].split() == ["total", "20"]
    assert network.summary().splitlines()[-1].split() == ["total", "10"]
    assert network.input_shape == (4,)


def test_the_summary_counts_what_the_trainer_holds():
    network = bp.Network(["standardize", bp.layers.dense(5, activation="relu"), bp.layers.dense(3)], inputs=7)
    held = bp.Trainer(network, loss="mse").parameters
    count = sum(array.size for name, array in held.items() if "buffers" not in name)
    assert network.summary().splitlines()[-1].split() == ["total", str(count)]


def test_the_printed_form_shows_every_layer():
    text = repr(bp.Network([bp.layers.dense(3, activation="tanh"), bp.layers.dense(2)]))
    assert text.startswith("Network([Dense(units=3, activation=Tanh()")
    assert "Dense(units=2, activation=None" in text
