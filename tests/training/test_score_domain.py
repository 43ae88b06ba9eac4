"""Losses of probabilities or of positive numbers refuse other scores: by what layers declare, or by real rows.

Shapes: x (33, 4), y (33,) of three classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import CheckFailed, ConfigError, IncompatibleComponent
from bpframe.network.backprop import EVALUATION, as_layer
from bpframe.protocols.number_sets import Interval, first_outside, is_subset
from bpframe.protocols.traits import domain_of, range_of
from bpframe.sklearn import MLPClassifier
from bpframe.testing.kinds.activations import activation_checks
from bpframe.testing.kinds.losses import loss_checks
from bpframe.testing.laws.examples import example_batch

X = np.random.default_rng(0).normal(size=(33, 4)).astype("f4")
Y = np.arange(33) % 3
dense = bp.layers.dense
SOFTMAX = dense(3, activation="softmax")
HEADS = {"name": "heads", "losses": ["cross_entropy", "mse"], "widths": [3, 1]}
BY_HEAD = {"head_1": Y, "head_2": X[:, 0]}


class Log:
    """loss = sum of (log z - log y)^2 / 2: scores above 0 alone."""

    link = "identity"
    domain = "(0, inf)"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        r = np.log(scores) - np.log(target)
        return 0.5 * np.sum(r * r, axis=-1), r / scores


@dataclass(frozen=True)
class Silent:
    """v = u + shift, of a range that it does not declare."""

    shift: float = 0.0

    def value(self, u: Any) -> Any:
        return u + self.shift

    def derivative(self, v: Any) -> Any:
        return np.ones_like(v)


def fit(layers: list[Any], loss: Any, y: Any = Y) -> Any:
    made = bp.Trainer(bp.Network(layers), loss)
    made.fit(X, y, epochs=1)
    return made


@pytest.mark.parametrize("inside", [lambda last: last, lambda last: bp.layers.sequential([last])])
@pytest.mark.parametrize("activation", [None, "relu", "tanh", "sigmoid"])
def test_cross_entropy_refuses_what_is_no_probability(activation, inside):
    with pytest.raises(ConfigError, match=r"^cross_entropy needs probabilities, but '\w+' ends in .*Take softmax_"):
        bp.Trainer(bp.Network([dense(5), inside(dense(3, activation=activation))]), "cross_entropy")


def test_the_message_names_layer_and_remedy():
    words = "binary_cross_entropy needs probabilities, but 'dense_2' ends in scores. Take sigmoid_cross_entropy"
    with pytest.raises(ConfigError, match=words):
        bp.Trainer(bp.Network([dense(5), dense(1)]), "binary_cross_entropy")


def test_estimators_refuse_it_as_the_trainer_does():
    with pytest.raises(ConfigError, match="cross_entropy needs probabilities"):
        MLPClassifier(loss="cross_entropy").fit(X, Y)


@pytest.mark.parametrize(
    "layers",
    [
        [SOFTMAX],
        [dense(3), bp.layers.activation("softmax")],
        [dense(3, activation="sparsemax")],
        [SOFTMAX, "flatten"],
        [bp.layers.sequential([dense(5), SOFTMAX])],
    ],
)
def test_probabilities_are_taken_through_layers_that_keep_them(layers):
    assert np.isfinite(fit(layers, "cross_entropy").history.train["loss"]).all()


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_dropout_after_softmax_gives_no_probabilities_unless_its_rate_is_0(rate):
    layers = [SOFTMAX, bp.layers.dropout(rate)]
    if not rate:
        fit(layers, "cross_entropy")
        return
    with pytest.raises(ConfigError, match=r"'dropout_1' ends in numbers in \[0, inf\)"):
        fit(layers, "cross_entropy")


def test_a_loss_of_positive_numbers_takes_softplus_and_refuses_relu():
    y = np.exp(X[:, :1])
    assert np.isfinite(fit([dense(1, activation="softplus")], Log(), y).history.train["loss"]).all()
    with pytest.raises(
        ConfigError, match=r"log needs numbers in \(0, inf\), but 'dense_1' ends in numbers in \[0, inf\)"
    ):
        fit([dense(1, activation="relu")], Log(), y)


def test_where_the_range_is_not_known_a_real_row_decides_and_is_named():
    y = np.exp(X[:, :1])
    made = bp.Trainer(bp.Network([dense(1, activation=Silent())]), Log())
    row = int(np.argmax(bp.Trainer(bp.Network([dense(1)], inputs=4), "mse").predict(X)[:, 0] <= 0))
    with pytest.raises(ConfigError, match=rf"log needs .* 'dense_1' for row {row} of x is -0\.\d+ in column 0"):
        made.fit(X, y, epochs=1)
    fit([dense(1, activation=Silent(shift=50.0))], Log(), y)


def test_rows_that_do_not_sum_to_1_are_named():
    layers = [bp.layers.parallel([SOFTMAX, SOFTMAX])]
    with pytest.raises(ConfigError, match="'parallel_1' for row 0 of x sums to 2"):
        fit(layers, "cross_entropy", np.arange(33) % 6)


def test_each_head_is_held_to_its_own_domain():
    side_by_side = bp.layers.parallel([SOFTMAX, dense(1)])
    assert np.isfinite(fit([side_by_side], HEADS, BY_HEAD).history.train["loss"]).all()
    with pytest.raises(ConfigError, match="cross_entropy of head 'head_1' needs probabilities, but 'dense_1' ends"):
        fit([dense(4)], HEADS, BY_HEAD)
    with pytest.raises(ConfigError, match="cross_entropy of head 'head_1' needs probabilities, but the output of"):
        fit([bp.layers.parallel([dense(1), SOFTMAX])], HEADS, BY_HEAD)


def test_softmax_inside_a_container_is_not_applied_twice():
    with pytest.raises(ConfigError, match="that would be twice"):
        bp.Trainer(bp.Network([bp.layers.sequential([SOFTMAX])]), "softmax_cross_entropy")


@pytest.mark.parametrize("name", [name for name in bp.names("activation") if "/" not in name])
def test_every_bundled_activation_but_identity_declares_where_its_values_lie(name):
    phi = bp.build("activation", name)
    declared = range_of(phi)
    assert (declared is None) == (name == "identity")
    if declared:
        layer, u = as_layer(phi), 3 * np.random.default_rng(1).normal(size=(400, 4))
        v = np.asarray(layer.forward(layer.init(np.random.default_rng(0), (4,))[0], u, EVALUATION)[0])
        assert Interval.of(declared).holds(v).all()
        assert declared != "simplex" or first_outside(v, declared) is None


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("(0, 1)", "[0, 1]", True),
        ("[0, 1]", "(0, 1)", False),
        ("simplex", "[0, 1]", True),
        ("[0, 1]", "simplex", False),
        ("[0, inf)", "(0, inf)", False),
        ("(-1, 1)", "(-inf, inf)", True),
        ("[-1e-3, 1]", "[0, 1]", False),
    ],
)
def test_one_set_lies_in_another_or_does_not(one, other, wanted):
    assert is_subset(one, other) == wanted


@pytest.mark.parametrize("text", ["[0; 1]", "0, 1", "[2, 1]", "[a, 1]", "[0, nan]", "probabilities"])
def test_a_text_that_names_no_set_is_refused_with_an_example_of_one(text):
    part: Any = type("Part", (), {"domain": text, "range": text})()
    for read, name in ((domain_of, "domain"), (range_of, "range")):
        with pytest.raises(IncompatibleComponent, match=rf'Part: {name} needs an interval like "\[0, inf\)", or "sim'):
            read(part)


def test_an_argument_of_that_name_which_is_no_text_declares_nothing():
    part: Any = type("Part", (), {"domain": (0, 1), "range": None})()
    assert domain_of(part) is range_of(part) is None


class Wrong:
    """v = 2 tanh(u), which is said to lie in (-1, 1)."""

    range: ClassVar[str] = "(-1, 1)"

    def value(self, u: Any) -> Any:
        return 2 * np.tanh(u)

    def derivative(self, v: Any) -> Any:
        return 2 - v * v / 2


@pytest.mark.parametrize(("declared", "found"), [("(-1, 1)", True), ("(-2, 2)", False)])
def test_the_kit_finds_a_range_that_is_not_so(declared, found):
    part = type("Twice", (Wrong,), {"range": declared})()
    check = activation_checks(part)["range"]
    if found:
        with pytest.raises(CheckFailed):
            check()
    else:
        check()


@pytest.mark.parametrize("domain", ["simplex", "[0, 1]", "(0, inf)", "(-inf, 0)", "[2, 5]", "(-inf, inf)"])
def test_the_kit_makes_scores_in_the_domain_that_a_loss_declares(domain):
    loss: Any = type("Anywhere", (Log,), {"domain": domain})()
    scores = example_batch(loss, 3)[0]
    assert Interval.of(domain).holds(scores).all()
    assert domain != "simplex" or first_outside(scores, domain) is None
    assert (scores < 0).any() == (domain in ("(-inf, 0)", "(-inf, inf)"))


def test_the_kit_finds_an_example_outside_of_the_domain():
    loss: Any = type("Outside", (Log,), {"example": lambda self, rng: (rng.normal(size=(5, 1)), np.ones((5, 1)))})()
    with pytest.raises(CheckFailed, match=r"scores of the example must lie in \(0, inf\)"):
        loss_checks(loss)["domain"]()
