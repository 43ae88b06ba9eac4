"""The network picture: its numbers are those of the network point by point, and its artists show these numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib import colors, pyplot
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection

import bpframe as bp
from bpframe.plot.network_colours import NetworkColours
from bpframe.plot.network_maps import NetworkMaps
from bpframe.plot.theme import THEMES, luminance
from bpframe.training.activation_maps import activation_maps
from bpframe.types import HostArray
from tests.scalar_network import Part, forward

RNG = np.random.default_rng(4)
X = RNG.normal(size=(40, 3)) * [1.0, 5.0, 2.0] + [0.0, 3.0, -1.0]
Y = np.array(["oak", "elm", "ash"])[np.arange(40) % 3]
PARTS = [
    Part("standardize_1", "standardize"),
    Part("dense_1", "dense", "tanh"),
    Part("dense_2", "dense"),
    Part("activation_1", "activation", "sigmoid"),
    Part("dense_3", "dense"),
]


def trainer_of(layers: Any = None, loss: str = "softmax_cross_entropy", y: Any = Y, **parts: Any) -> bp.Trainer:
    """Fitted a little to X."""
    dense = bp.layers.dense
    own = [bp.layers.standardize(), dense(5, activation="tanh"), dense(12), bp.layers.activation("sigmoid"), dense(3)]
    trainer = bp.Trainer(bp.Network(layers or own), loss, dtype="float64", seed=1, **parts)
    trainer.fit(X, y, epochs=2, verbose=0)
    return trainer


def maps_of(trainer: bp.Trainer, y: Any = Y, **look: Any) -> NetworkMaps:
    params = trainer.network.params(trainer.session.parameters)
    return activation_maps(trainer.network, params, trainer.task, X, y, **look)


def images(ax: Axes) -> list[HostArray]:
    return [np.asarray(image.get_array()) for image in ax.images]


def lines(ax: Axes) -> list[LineCollection]:
    return [each for each in ax.collections if isinstance(each, LineCollection)]


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


# the numbers


def test_each_unit_is_drawn_as_the_network_in_plain_numbers_gives_it_at_each_point() -> None:
    trainer = trainer_of()
    maps = maps_of(trainer, inputs=(0, 2), resolution=7, units=20)
    parameters = {name: array.tolist() for name, array in trainer.parameters.items()}
    assert [layer.label for layer in maps.layers] == ["", "dense_1", "dense_2", "dense_3"]
    across, up = (np.linspace(*maps.box[k : k + 2], 7) for k in (0, 2))
    for i, j in ((0, 0), (3, 5), (6, 2)):
        row = [across[j], float(np.median(X[:, 1])), up[i]]
        seen = forward(PARTS, parameters, [row])
        for layer, v in zip(maps.layers, ([row[0], row[2]], seen[1].v[0], seen[3].v[0], seen[4].v[0]), strict=True):
            np.testing.assert_allclose(layer.values[:, i, j], v, rtol=1e-9)
        np.testing.assert_allclose(maps.prediction[i, j], trainer.predict(np.array([row]))[0], rtol=1e-9)
    assert maps.others == 1


def test_the_plane_reaches_a_little_beyond_the_rows() -> None:
    box = maps_of(trainer_of(), inputs=(1, 2)).box
    for low, high, column in ((box[0], box[1], X[:, 1]), (box[2], box[3], X[:, 2])):
        assert low < column.min() < column.max() < high
        assert high - low < 1.2 * np.ptp(column)


def test_delta_is_that_of_each_row_alone() -> None:
    trainer = trainer_of()
    maps = maps_of(trainer, units=20)
    for row in (0, 17, 39):
        alone = trainer.trace(X[row : row + 1], Y[row : row + 1])
        for layer in maps.layers[1:]:
            assert layer.delta is not None
            np.testing.assert_allclose(layer.delta[:, row], alone[layer.label].delta[0], rtol=1e-9, atol=1e-15)
    assert maps.rows is not None
    np.testing.assert_array_equal(maps.rows, X[:, :2])
    assert [maps.classes[number] for number in maps.truth] == Y.tolist()  # type: ignore[union-attr]  # y was given
    assert maps_of(trainer, y=None).layers[1].delta is None


def test_of_many_rows_some_show_their_delta() -> None:
    x = np.random.default_rng(0).normal(size=(1000, 3))
    trainer = trainer_of()
    params = trainer.network.params(trainer.session.parameters)
    maps = activation_maps(trainer.network, params, trainer.task, x, Y[np.arange(1000) % 3])
    assert maps.rows is not None
    assert maps.rows.shape == (150, 2)
    np.testing.assert_array_equal(maps.rows[[0, -1]], x[[0, -1], :2])


def test_weights_lead_from_the_units_that_are_shown_to_those_that_are() -> None:
    trainer = trainer_of()
    maps = maps_of(trainer, inputs=(2, 0), units=4)
    below = [2, 0]
    for layer in maps.layers[1:]:
        assert len(layer.units) == min(4, layer.width)
        assert layer.weight is not None
        whole = trainer.parameters[f"{layer.label}/weight"]
        np.testing.assert_array_equal(layer.weight, whole[np.ix_(below, list(layer.units))])
        below = list(layer.units)
    assert [list(maps.layers[k].units) for k in (1, 2, 3)] == [[0, 1, 3, 4], [0, 4, 7, 11], [0, 1, 2]]


def test_layers_without_single_weights_have_units_and_no_weight() -> None:
    dense = bp.layers.dense
    trainer = trainer_of(
        [dense(4), bp.layers.residual([dense(4, activation="tanh")]), bp.layers.dropout(0.5), dense(3)]
    )
    maps = maps_of(trainer)
    assert [layer.label for layer in maps.layers] == ["", "dense_1", "residual_1", "dense_2"]
    assert maps.layers[2].weight is None
    assert maps.layers[2].delta is None


@pytest.mark.parametrize("inputs", [(0,), (0, 0), (0, -3), (0, 3), ("a", 0), (0, 1, 2), (0, None)])
def test_other_than_two_different_inputs_are_refused_with_those_there_are(inputs: Any) -> None:
    with pytest.raises(bp.errors.ConfigError, match="two different inputs of input 0, input 1, input 2, got"):
        trainer_of().plot_network(X, inputs=inputs)


def test_inputs_have_the_names_of_the_fit() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["height", "girth", "age"])
    trainer = bp.Trainer(bp.Network([bp.layers.dense(3)]), "softmax_cross_entropy", dtype="float64")
    trainer.fit(frame, Y, epochs=1, verbose=0)
    ax = trainer.plot_network(frame, Y, inputs=("age", "height"))
    assert texts(ax).count("age") == 2
    assert "1 other inputs at their medians" in texts(ax)[-1]


# the picture


def test_there_is_a_tile_for_each_unit_and_one_for_the_prediction() -> None:
    maps = maps_of(trainer_of(), units=4, resolution=9)
    ax = bp.plot.network(maps)
    assert len(ax.images) == sum(len(layer.units) for layer in maps.layers) + 1
    assert {image.shape for image in images(ax)} == {(9, 9, 3)}
    points = [each for each in ax.collections if isinstance(each, PathCollection)]
    assert [len(each.get_offsets()) for each in points[:3]] == [4 * 40, 4 * 40, 3 * 40]


def test_a_tile_is_blue_below_0_orange_above_and_stronger_where_the_value_is_larger() -> None:
    values = np.array([[[-2.0, -1.0], [0.0, 1.0]], [[2.0, 0.5], [np.nan, np.inf]]])
    maps = NetworkMaps(
        [bp.plot.UnitMaps("", [0, 1], 2, values)], (0, 1, 0, 1), ("a", "b"), np.zeros((2, 2, 1)), probable=False
    )
    for theme in ("light", "dark"):
        first, second, _ = images(bp.plot.network(maps, theme=theme))
        background = np.array(colors.to_rgb(THEMES[theme].background))
        far = np.abs(first - background).sum(axis=2)
        assert far[0, 0] > far[0, 1] > far[1, 0] == 0
        np.testing.assert_allclose(first[0, 1] - background, (first[0, 0] - background) / 2)
        assert first[0, 0][2] > first[0, 0][0]  # blue over red
        assert first[1, 1][0] > first[1, 1][2]
        np.testing.assert_array_equal(second[1, 1], second[0, 0])  # what is infinite is as strong as can be
        np.testing.assert_array_equal(second[1, 0], background)


def test_lines_are_thicker_for_larger_weights_and_dashed_below_0() -> None:
    maps = maps_of(trainer_of(), units=5)
    ax = bp.plot.network(maps)
    for layer, drawn in zip(maps.layers[1:], lines(ax), strict=True):
        weight = np.asarray(layer.weight).reshape(-1)
        order = np.argsort(np.abs(weight))
        assert (np.diff(np.asarray(drawn.get_linewidth())[order]) >= 0).all()
        dashed = [dashes is not None for _, dashes in drawn.get_linestyle()]
        assert dashed == (weight < 0).tolist()
        assert len(drawn.get_segments()) == weight.size


def test_lines_lead_from_tile_to_tile() -> None:
    maps = maps_of(trainer_of(), y=None, units=5)
    ax = bp.plot.network(maps)
    boxes = [tuple(image.get_extent()) for image in ax.images]
    start, end = boxes[:2], boxes[2:7]
    for number, line in enumerate(lines(ax)[0].get_segments()):
        i, j = divmod(number, 5)
        assert line[0] == pytest.approx([start[i][1], (start[i][2] + start[i][3]) / 2], abs=0.1)
        assert line[-1] == pytest.approx([end[j][0], (end[j][2] + end[j][3]) / 2], abs=0.1)


def test_a_sample_of_a_wide_layer_says_that_it_is_one() -> None:
    found = texts(trainer_of().plot_network(X, Y, units=4))
    assert "dense_2\n4 of 12 units" in found
    assert "dense_3" in found


def test_a_point_of_delta_has_the_colour_of_its_sign() -> None:
    maps = maps_of(trainer_of(), units=20)
    ax = bp.plot.network(maps)
    points = [each for each in ax.collections if isinstance(each, PathCollection)]
    for layer, drawn in zip(maps.layers[1:], points, strict=False):
        delta, colour = np.asarray(layer.delta).reshape(-1), np.asarray(drawn.get_facecolor())
        strong = np.abs(delta) > 0.1 * np.abs(delta).max()
        assert strong.sum() > 10
        assert ((colour[:, 0] > colour[:, 2]) == (delta > 0))[strong].all()
        assert [len(path.vertices) == 5 for path in drawn.get_paths()] == (delta < 0).tolist()  # a square, not a circle


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_without_colours_what_is_below_0_is_darker_than_what_is_above(theme: Any) -> None:
    ends = NetworkColours(THEMES[theme])
    below, above = (luminance(*end) for end in (ends.below, ends.above))
    assert (above + 0.05) / (below + 0.05) > 1.5
    background = luminance(*ends.background) + 0.05
    for end in (below + 0.05, above + 0.05):
        assert max(end / background, background / end) > 3


@pytest.mark.parametrize(
    ("loss", "y", "units"),
    [
        ("sigmoid_cross_entropy", np.arange(40) % 2, 1),
        ("mse", X[:, 0], 1),
        ("mse", X, 3),
        ("hinge", np.arange(40) % 2, 1),
    ],
)
def test_other_losses_have_their_prediction_and_their_truth(loss: str, y: Any, units: int) -> None:
    trainer = trainer_of([bp.layers.dense(4, activation="tanh"), bp.layers.dense(units)], loss, y)
    maps = maps_of(trainer, y)
    assert maps.truth is not None
    assert maps.truth.shape == (40,)
    low = texts(bp.plot.network(maps))
    assert "prediction" in low


def test_names_are_shown_as_they_are_whatever_signs_they_have() -> None:
    names = ["$\\frac{$", "_under", "<b>"]
    maps = maps_of(trainer_of())
    odd = NetworkMaps(
        maps.layers,
        maps.box,
        ("$\\frac{$", "a^{b"),
        maps.prediction,
        True,
        maps.rows,
        maps.truth,
        names,
        1,
        "$\\title{",
    )
    ax = bp.plot.network(odd)
    ax.figure.canvas.draw()
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text().strip() for text in legend.get_texts()] == names
    assert ax.get_title(loc="left") == "$\\title{"
    assert "$\\frac{$" in texts(ax)


def test_the_method_draws_on_given_axes_and_hands_them_back() -> None:
    _, ax = pyplot.subplots()
    assert trainer_of().plot_network(X, Y, ax=ax) is ax
    assert len(ax.images) > 10


def test_a_picture_changes_nothing_of_the_trainer() -> None:
    curious, plain = trainer_of(), trainer_of()
    curious.plot_network(X, Y)
    for trainer in (curious, plain):
        trainer.fit(X, Y, epochs=1, verbose=0)
    for name, array in plain.parameters.items():
        np.testing.assert_array_equal(curious.parameters[name], array)


def test_rows_of_images_are_refused() -> None:
    x, y = np.random.default_rng(0).normal(size=(8, 4, 4, 1)), np.arange(8) % 2
    trainer = bp.Trainer(bp.Network([bp.layers.flatten(), bp.layers.dense(2)]), "softmax_cross_entropy")
    trainer.fit(x, y, epochs=1, verbose=0)
    with pytest.raises(bp.errors.ShapeError, match=r"need rows of numbers \(N, n\), got \(8, 4, 4, 1\)"):
        trainer.plot_network(x, y)
