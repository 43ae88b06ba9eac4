"""Scores that training brings out of a loss's domain are an error, and so is a second activation behind a shape.

Shapes: x (33, 4), y (33,) of two or three classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckFailed, CheckpointError, ConfigError, NumericalError
from bpframe.protocols.number_sets import first_outside, is_subset
from bpframe.testing.kinds.layers import layer_checks

X = np.random.default_rng(0).normal(size=(33, 4)).astype("f4")
Y = np.arange(33) % 3
YES = (X[:, 0] > 0).astype(int)
dense = bp.layers.dense
SOFTMAX, SIGMOID = dense(3, activation="softmax"), dense(1, activation="sigmoid")
HEADS = {"name": "heads", "losses": ["softmax_cross_entropy", "mse"], "widths": [3, 1]}


def straying(rate: float = 1.0, **parts: Any) -> bp.Trainer:
    """Probabilities at first; what a residual layer adds to them takes them out of [0, 1]."""
    added = bp.layers.residual([dense(1, activation="tanh", weight_initializer="zeros")])
    return bp.Trainer(bp.Network([SIGMOID, added]), "binary_cross_entropy", {"name": "sgd", "lr": rate}, **parts)


@pytest.mark.parametrize("engine", ["numpy", "jax"])
@pytest.mark.parametrize("metrics", [None, []])
def test_scores_that_leave_the_domain_later_are_an_error_that_names_the_row(engine, metrics):
    made = straying(engine=engine, metrics=metrics)
    with pytest.raises(NumericalError, match=r"binary_cross_entropy needs probabilities, but at step \d+ the output"):
        made.fit(X, YES, epochs=30, batch_size=8)
    assert first_outside(made.scores(X), "[0, 1]") is not None
    assert len(made.history) < 30


def test_rows_of_the_validation_data_are_looked_at_where_they_are_measured():
    made = straying(0.05)
    far = np.sign(X[:, :1]) * 1e3 * np.ones((1, 4), np.float32)
    made.fit(X, YES, epochs=1)
    made.parameters["residual_1/dense_1/weight"] = np.full((1, 1), 0.5, np.float32)
    made.parameters["dense_1/weight"] = np.full((4, 1), 1e-3, np.float32)
    with pytest.raises(NumericalError, match=r"for row \d+ of validation x is 1\.\d+ in column 0"):
        made.fit(X, YES, epochs=1, batch_size=33, validation=(far, YES))


def test_a_network_that_stays_inside_is_let_be():
    made = straying(1e-4)
    assert len(made.fit(X, YES, epochs=3, validation=(X, YES))) == 3


@pytest.mark.parametrize(
    ("scores", "domain", "rounding", "place"),
    [
        ([[1 + 1e-7]], "[0, 1]", 1e-6, None),
        ([[1 + 1e-5]], "[0, 1]", 1e-6, (0, 0)),
        ([[1.0]], "(0, 1)", 1e-6, None),
        ([[1.0]], "(0, 1)", 0.0, (0, 0)),
        ([[-1e-7]], "[0, 1]", 1e-6, (0, 0)),
        ([[0.5, 0.5, 1.0, 0.0]], "simplices", 0.0, None),
        ([[0.5, 0.5, 1.0, 0.0]], "simplex", 0.0, (0, -1)),
        ([[0.5, 0.2]], "simplices", 0.0, (0, -1)),
    ],
)
def test_rounding_may_reach_an_end_but_not_pass_it(scores, domain, rounding, place):
    assert first_outside(np.array(scores), domain, rounding) == place


def test_several_rows_of_probabilities_side_by_side_are_a_set_of_their_own():
    sets = ["simplex", "simplices", "[0, 1]", "[0, inf)"]
    wanted = [[one <= other for other in range(4)] for one in range(4)]
    assert [[is_subset(one, other) for other in sets] for one in sets] == wanted


# twice the same activation, behind layers that change no number of a prediction


@pytest.mark.parametrize(
    "after",
    [
        ["flatten"],
        [bp.layers.reshape((3,))],
        ["dropout"],
        ["gaussian_noise"],
        ["alpha_dropout", "dropout"],
        ["flatten", "dropout"],
    ],
    ids=str,
)
@pytest.mark.parametrize("last", [SOFTMAX, bp.layers.sequential([SOFTMAX, "flatten"])])
def test_softmax_is_not_applied_twice_behind_layers_that_keep_its_values(last, after):
    with pytest.raises(ConfigError, match="softmax_cross_entropy applies softmax to its scores itself: that would be"):
        bp.Trainer(bp.Network([last, *after]), "softmax_cross_entropy")


@pytest.mark.parametrize(("activation", "loss"), [("sigmoid", "sigmoid_cross_entropy"), ("exponential", "poisson")])
@pytest.mark.parametrize(
    "inside", [lambda *layers: list(layers), lambda *layers: [bp.layers.sequential([bp.layers.sequential(layers)])]]
)
@pytest.mark.parametrize("after", ["dropout", "flatten"])
def test_an_activation_of_numbers_is_not_applied_twice_behind_them_nor_inside_of_others(
    activation, loss, inside, after
):
    layers = inside(dense(1, activation=activation), after)
    with pytest.raises(ConfigError, match=rf"applies {activation} to its scores itself: that would be twice"):
        bp.Trainer(bp.Network(layers), loss)


def test_the_layer_that_makes_the_predictions_is_named():
    with pytest.raises(ConfigError, match=r"Leave the activation of 'dense_1' out"):
        bp.Trainer(bp.Network([SOFTMAX, "flatten", "dropout"]), "softmax_cross_entropy")


def test_branches_of_softmax_side_by_side_are_probabilities_already():
    with pytest.raises(ConfigError, match="that would be twice"):
        bp.Trainer(bp.Network([bp.layers.parallel([SOFTMAX, SOFTMAX])]), "softmax_cross_entropy")


def test_the_head_that_would_apply_it_twice_is_named():
    with pytest.raises(ConfigError, match="softmax_cross_entropy of head 'head_1' applies softmax"):
        bp.Trainer(bp.Network([dense(4, activation="softmax")]), HEADS)


def test_dropout_before_the_last_layer_is_let_be():
    bp.Trainer(bp.Network([dense(3, activation="softmax"), "dropout", dense(3)]), "softmax_cross_entropy")


def test_the_kit_finds_a_layer_that_says_it_acts_in_training_only_and_does_not():
    class Doubling:
        training_only: ClassVar[bool] = True

        def init(self, rng: Any, in_shape: Any) -> Any:
            return {}, in_shape

        def forward(self, params: Any, x: Any, context: Any) -> Any:
            return 2 * x, None

        def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
            return 2 * dy, {}

    doubling: Any = Doubling()
    with pytest.raises(CheckFailed, match="training_only"):
        layer_checks(doubling)["evaluation"]()
    layer_checks(bp.layers.dropout())["evaluation"]()


# parts that the caller gives in place of a file's


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = bp.Trainer(bp.Network([dense(3), bp.layers.residual([dense(3)])]), "mse")
    made.fit(X, np.eye(3)[Y], epochs=1)
    made.save(tmp_path / "a.model")
    return tmp_path / "a.model"


def test_a_loss_given_at_load_is_held_to_the_networks_scores_at_the_next_fit(file):
    made = bp.Trainer.load(file, loss="cross_entropy")
    with pytest.raises(ConfigError, match=r"cross_entropy needs probabilities, but the output of 'residual_1' for row"):
        made.fit(X, Y, epochs=1)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"loss": "cross_entropy", "network": bp.Network([dense(3)], inputs=4)}, "^cross_entropy needs probabilities"),
        ({"optimizer": {"name": "sgd", "lr": -1}}, "^sgd needs a number of at least 0 as lr"),
        ({"seed": -1}, "^Trainer needs a whole number of at least 0 as seed"),
    ],
)
def test_a_part_that_does_not_fit_is_the_callers_mistake_and_not_the_files(file, parts, words):
    with pytest.raises(ConfigError, match=words):
        bp.Trainer.load(file, **parts)


def test_a_part_given_at_load_may_hold_a_path_and_a_misspelt_one_is_named(file, tmp_path):
    made = bp.Trainer.load(file, callbacks=[{"name": "checkpoint", "folder": tmp_path / "kept"}])
    assert "kept" in repr(made.callbacks)
    with pytest.raises(TypeError, match=r"'optimizr'\. Did you mean 'optimizer'"):
        bp.Trainer.load(file, optimizr="adam")


def test_a_file_that_cannot_be_read_is_not_the_callers_mistake(tmp_path):
    (tmp_path / "b").write_bytes(b"none")
    with pytest.raises(CheckpointError):
        bp.Trainer.load(tmp_path / "b", seed=1)
