"""`Trace.explain` derives one row: its numbers are those of a network in plain numbers, and each is what made it."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.network.derivation.derivation import Derivation
from bpframe.network.derivation.derivation_text import derivation_lines
from tests.network.test_trace import CASES, Traced, dense, traced, trainer_of, x_rows
from tests.scalar_network import PHI, Nudge, forward, mean_loss, slope

ROW = 2
SOME = [
    "dense with tanh",
    "activation layer sigmoid",
    "softmax as the activation of a hidden layer",
    "softmax layer at the end",
    "softmax and its loss in one",
    "sigmoid and its loss in one",
    "standardize in the middle",
    "no bias",
    "huber",
]


class Alone:
    """The chosen row of a batch as a batch of its own, in plain numbers."""

    def __init__(self, batch: Traced) -> None:
        self.batch, self.x, self.target = batch, [batch.x[ROW]], [batch.case.target[ROW]]

    def loss(self, parameters: dict[str, Any] | None = None, nudge: Nudge | None = None) -> float:
        seen = forward(self.batch.case.parts, parameters or self.batch.parameters, self.x, nudge)
        return mean_loss(self.batch.case.loss, seen[-1].v, self.target, [1.0])

    def moved(self, name: str, index: tuple[int, ...], change: float) -> float:
        array = np.array(self.batch.parameters[name])
        array[index] += change
        return self.loss({**self.batch.parameters, name: array.tolist()})


@pytest.fixture(params=SOME)
def batch(request: pytest.FixtureRequest) -> Traced:
    return traced(CASES[request.param], None)


def numbers_of(derivation: Derivation, letter: str, layer: int) -> list[tuple[tuple[int, ...], float]]:
    start = f"{letter}-{layer}-"
    return [(n.index, n.value) for key, n in derivation.numbers.items() if key.startswith(start)]


def near(actual: float, expected: float, rel: float = 1e-7) -> None:
    assert actual == pytest.approx(expected, rel=rel, abs=1e-10)


# the numbers


def test_u_and_v_are_those_of_the_row_in_plain_numbers(batch):
    derivation = batch.trace.explain(ROW)
    for k, (part, seen) in enumerate(zip(batch.case.parts, batch.seen(), strict=True), start=1):
        for (j,), value in numbers_of(derivation, "v", k):
            near(value, seen.v[ROW][j])
        for (j,), value in numbers_of(derivation, "u", k):
            near(value, seen.u[ROW][j])
        assert len(numbers_of(derivation, "u", k)) == (0 if part.kind == "standardize" else len(seen.u[ROW]))
        assert len(numbers_of(derivation, "v", k)) == len(seen.v[ROW])


def test_delta_is_the_slope_of_the_rows_loss_in_u(batch):
    derivation, alone = batch.trace.explain(ROW), Alone(batch)
    compared = 0
    for k in range(len(batch.case.parts)):
        for (j,), value in numbers_of(derivation, "delta", k + 1):
            near(value, slope(lambda h, at=(k, 0, j): alone.loss(nudge=Nudge(*at, h))))
            compared += 1
    assert compared >= 4


def test_phi_is_derived_at_u_and_delta_is_dv_times_that(batch):
    derivation = batch.trace.explain(ROW)
    for k, (part, seen) in enumerate(zip(batch.case.parts, batch.seen(), strict=True), start=1):
        found = numbers_of(derivation, "slope", k)
        if part.activation in (None, "softmax"):
            assert not found
            continue
        for (j,), value in found:
            scalar = slope(lambda h, u=seen.u[ROW][j], phi=part.activation: value_of(phi, u + h))
            near(value, scalar)
            near(derivation.value("delta", k, j), derivation.value("dv", k, j) * value, rel=1e-12)


def value_of(phi: str, u: float) -> float:
    return PHI[phi](u)


def test_gradients_are_slopes_of_the_rows_loss_and_stand_beside_their_finite_differences(batch):
    derivation, alone = batch.trace.explain(ROW), Alone(batch)
    names = {"w": "weight", "b": "bias"}
    compared = 0
    for k, part in enumerate(batch.case.parts, start=1):
        for letter, name in names.items():
            for index, value in numbers_of(derivation, f"d{letter}", k):
                at = (f"{part.label}/{name}", index)
                near(value, slope(lambda h, at=at: alone.moved(*at, h)))
                near(derivation.value(f"measured-{letter}", k, *index), value, rel=1e-6)
                compared += 1
    trained = sum(np.size(array) for name, array in batch.parameters.items() if "buffers" not in name)
    assert compared == trained == len(derivation.differences)
    assert not derivation.content.disagreements


def test_sgd_moves_against_the_gradient_and_the_loss_after_it_is_that_of_the_moved_parameters(batch):
    derivation, alone = batch.trace.explain(ROW), Alone(batch)
    near(derivation.loss, alone.loss())
    moved: dict[str, Any] = {}
    for name, array in batch.parameters.items():
        gradient = np.zeros_like(array)
        for index in np.ndindex(np.shape(array)) if "buffers" not in name else ():
            gradient[index] = slope(lambda h, at=(name, index): alone.moved(*at, h))
        moved[name] = (np.array(array) - 0.01 * gradient).tolist()
    assert derivation.value("lr", None) == 0.01
    near(derivation.loss_after, alone.loss(moved))
    assert derivation.loss_after < derivation.loss


@pytest.mark.parametrize("units", [1, 2, 8])
def test_every_number_is_the_sum_of_the_products_it_names_and_of_what_it_leaves_out(batch, units):
    derivation = batch.trace.explain(ROW, units=units)
    sums = 0
    for number in derivation.numbers.values():
        if number.terms and not number.function:
            products = [t.sign * math.prod(derivation.numbers[key].value for key in t.factors) for t in number.terms]
            near(sum(products) + number.rest, number.value)
            sums += 1
        assert set(number.sources) <= set(derivation.numbers)
    assert sums > 5


def test_of_the_loss_p_minus_y_is_named_where_it_is_what_the_slope_is():
    plain = traced(CASES["softmax and its loss in one"], None).trace.explain(ROW)
    assert plain.numbers["dv-2-1"].sources == ["p--1", "y--1"]
    other = traced(CASES["huber"], None).trace.explain(1)
    assert other.numbers["dv-2-0"].function == "huber'"


# the update by the trainer's own rule

RULES: dict[str, Any] = {
    "momentum": bp.optimizers.momentum(lr=0.1),
    "adam": bp.optimizers.adam(lr=0.1),
    "muon and adamw": bp.optimizers.muon(),
    "sam": bp.optimizers.sam(bp.optimizers.sgd(lr=0.1)),
    "lbfgs": bp.optimizers.lbfgs(),
    "a schedule": bp.optimizers.adam(lr=bp.schedules.exponential(initial=0.1, every=2, factor=0.5)),
}


@pytest.mark.parametrize(
    ("rule", "engine"),
    [
        *((rule, "numpy") for rule in RULES),
        *(pytest.param(rule, "jax", marks=pytest.mark.slow) for rule in ("adam", "lbfgs")),
    ],
)
def test_the_update_is_the_one_that_the_trainer_would_make_next_from_the_row_alone(rule, engine):
    case = CASES["dense with tanh"]
    trainer = trainer_of(case, optimizer=RULES[rule], engine=engine, regularizers=[bp.regularizers.l2(strength=0.1)])
    trainer.fit(x_rows(), case.y, epochs=3, batch_size=4, verbose=0)
    derivation = trainer.trace(x_rows(), case.y).explain(ROW)
    assert derivation.content.facts.rule.lr is None
    following = copy.deepcopy(trainer)
    following.fit(x_rows()[ROW : ROW + 1], case.y[ROW : ROW + 1], epochs=1, batch_size=1, verbose=0)
    for name, array in following.parameters.items():
        layer, kind = name.split("/")
        k = [part.label for part in case.parts].index(layer) + 1
        for index in np.ndindex(array.shape):
            near(derivation.value(f"after-{kind[0]}", k, *index), array[index], rel=1e-9)
    scores = following.evaluate(x_rows()[ROW : ROW + 1], case.y[ROW : ROW + 1])
    near(derivation.loss_after, scores["loss"], rel=1e-9)


def test_a_rule_that_gathers_batches_updates_once_it_has_enough():
    case = CASES["dense with tanh"]
    plain, gathering = (
        trainer_of(case, gradient_steps=steps).trace(x_rows(), case.y).explain(ROW)
        for steps in ([], [bp.gradient_steps.accumulate(steps=3)])
    )
    near(gathering.loss_after, plain.loss_after)
    assert gathering.loss_after < gathering.loss


def test_the_loss_after_is_that_of_the_parameters_after_and_of_the_buffers_as_they_were():
    layers = [dense(4, "tanh"), bp.layers.batch_norm(), dense(2)]
    trainer = bp.Trainer(bp.Network(layers), "mse", bp.optimizers.ema("adam"), dtype="float64", seed=1)
    y = CASES["dense with tanh"].y
    trainer.fit(x_rows(), y, epochs=3, batch_size=2, verbose=0)
    derivation = trainer.trace(x_rows(), y).explain(ROW)
    letters = {"weight": "w", "bias": "b"}
    for k, label in enumerate(trainer.network.labels, start=1):
        for name in ("weight", "bias", "scale", "shift"):
            if f"{label}/{name}" in trainer.parameters:
                array = trainer.parameters[f"{label}/{name}"]
                for index in np.ndindex(array.shape):
                    array[index] = derivation.value(f"after-{letters.get(name, name)}", k, *index)
                trainer.parameters[f"{label}/{name}"] = array
    near(derivation.loss_after, trainer.evaluate(x_rows()[ROW : ROW + 1], y[ROW : ROW + 1])["loss"], rel=1e-9)
    assert derivation.loss_after != derivation.loss


def test_a_slope_that_is_meant_to_be_another_says_why():
    trainer = bp.Trainer(bp.Network([dense(3, "tanh"), dense(2)]), "beta_nll", dtype="float64", seed=1)
    derivation = trainer.trace(x_rows(), np.arange(4.0)).explain(1)
    assert derivation.content.disagreements
    assert "The slope of beta_nll is meant not to be the gradient: " in str(derivation)


def test_what_is_frozen_stays_and_dropout_does_not_act():
    layers = [dense(4, "tanh"), bp.layers.dropout(0.5), dense(2)]
    trainer = bp.Trainer(bp.Network(layers), "mse", dtype="float64", groups=[{"match": "dense_1/*", "frozen": True}])
    y = CASES["dense with tanh"].y
    trainer.fit(x_rows(), y, epochs=1, verbose=0)
    derivation = trainer.trace(x_rows(), y).explain(ROW)
    for index, value in numbers_of(derivation, "after-w", 1):
        assert value == derivation.value("w", 1, *index)
    for index, value in numbers_of(derivation, "after-w", 3):
        near(value, derivation.value("w", 3, *index) - 0.01 * derivation.value("dw", 3, *index), rel=1e-12)
    for (j,), value in numbers_of(derivation, "v", 2):
        assert value == derivation.value("v", 1, j)


def test_what_is_frozen_for_a_time_stays_that_long():
    y, moved = CASES["dense with tanh"].y, []
    for until in (1, 2):
        groups = [{"match": "dense_1/*", "frozen": True, "until": until}]
        trainer = bp.Trainer(bp.Network([dense(4, "tanh"), dense(2)]), "mse", dtype="float64", groups=groups)
        trainer.fit(x_rows(), y, epochs=1, verbose=0)
        derivation = trainer.trace(x_rows(), y).explain(ROW)
        pairs = ((value, derivation.value("w", 1, *index)) for index, value in numbers_of(derivation, "after-w", 1))
        moved.append(any(after != before for after, before in pairs))
    assert moved == [True, False]


def test_a_loss_with_a_scheduled_setting_is_explained_with_its_present_value():
    smoothing = bp.schedules.exponential(initial=0.4, every=2, factor=0.5)
    loss = bp.losses.softmax_cross_entropy(label_smoothing=smoothing)
    trainer = bp.Trainer(bp.Network([dense(3)]), loss, bp.optimizers.sgd(lr=0.1), dtype="float64")
    y = np.arange(4) % 3
    trainer.fit(x_rows(), y, epochs=3, batch_size=4, verbose=0)
    derivation = trainer.trace(x_rows(), y).explain(ROW)
    now = bp.losses.softmax_cross_entropy(label_smoothing=trainer.settings["loss.label_smoothing"])
    plain = bp.Trainer(bp.Network([dense(3)]), now, bp.optimizers.sgd(lr=0.1), dtype="float64")
    plain.fit(x_rows(), y, epochs=1, batch_size=4, verbose=0)
    plain.parameters.replace(trainer.parameters.copy())
    want = plain.trace(x_rows(), y).explain(ROW)
    assert (derivation.loss, derivation.loss_after) == (want.loss, want.loss_after)


def test_explaining_changes_nothing_and_repeats_itself_after_more_training():
    batch = traced(CASES["softmax and its loss in one"], None)
    before, history = batch.trainer.parameters.copy(), dict(batch.trainer.history.train)
    first = batch.trace.explain(ROW)
    for name, array in batch.trainer.parameters.items():
        np.testing.assert_array_equal(array, before[name])
    assert batch.trainer.history.train == history
    batch.trainer.fit(np.array(batch.x), batch.case.y, epochs=3, verbose=0)
    assert batch.trace.explain(ROW) == first == pickle.loads(pickle.dumps(batch.trace)).explain(ROW)


def test_a_trace_before_any_fit_explains_the_network_as_initialised():
    case = CASES["softmax and its loss in one"]
    derivation = trainer_of(case).trace(x_rows(), case.y).explain(ROW)
    assert "The rule has made no step before this one." in derivation.content.facts.rule.notes
    assert not derivation.content.disagreements
    assert [value for _, value in sorted(numbers_of(derivation, "v", 2))]
    assert [derivation.value("y", None, c) for c in range(3)] == [0, 0, 1]


# which layers


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([bp.layers.conv2d(3, 3, activation="relu"), bp.layers.flatten(), bp.layers.dense(3)], (5, 5, 1)),
        ([bp.layers.gru(4), bp.layers.dense(3)], (6, 2)),
        ([bp.layers.dense(4), bp.layers.batch_norm(), bp.layers.dense(3, activation="gelu"), bp.layers.dense(3)], (3,)),
        ([bp.layers.residual([bp.layers.dense(3, activation="prelu")]), bp.layers.dense(3)], (3,)),
        ([bp.layers.dense(6, activation={"name": "maxout", "pieces": 2}), bp.layers.dense(3)], (3,)),
    ],
    ids=["conv2d", "gru", "batch_norm and gelu", "residual", "maxout"],
)
def test_layers_of_all_kinds_are_explained_and_their_gradients_agree(layers, shape):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(8, *shape)), np.arange(8) % 3
    trainer = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", dtype="float64", seed=1)
    trainer.fit(x, y, epochs=1, verbose=0)
    derivation = trainer.trace(x, y).explain(-1, units=3)
    assert derivation.row == 7
    assert len(derivation.differences) > 6
    assert not derivation.content.disagreements, derivation.content.disagreements
    near(derivation.loss, trainer.evaluate(x[7:], y[7:])["loss"], rel=1e-9)
    assert derivation.loss_after < derivation.loss


def test_a_wrong_gradient_is_named():
    class Wrong:
        """v = x w, with a gradient that is a little off."""

        def init(self, rng: Any, in_shape: Any) -> Any:
            return {"weight": rng.normal(size=(*in_shape, 2))}, (2,)

        def forward(self, params: Any, x: Any, context: Any) -> Any:
            return x @ params["weight"], x

        def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
            return dy @ params["weight"].T, {"weight": 1.001 * cache.T @ dy}

    trainer = bp.Trainer(bp.Network([Wrong()]), "mse", dtype="float64")
    derivation = trainer.trace(x_rows(), CASES["dense with tanh"].y).explain(0)
    wrong = derivation.content.disagreements
    assert len(wrong) == 6
    assert "6 differ: dweight[" in str(derivation)
    assert '<b class="wrong">6 differ</b>' in derivation.html()


# what is shown


def test_wide_layers_show_the_units_that_weigh_most_and_say_so():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 40)), np.arange(5) % 2
    layers = [bp.layers.dense(30, activation="relu"), bp.layers.dense(2)]
    trainer = bp.Trainer(bp.Network(layers), "softmax_cross_entropy", dtype="float64")
    derivation = trainer.trace(x, y).explain(1, units=3)
    hidden = derivation.content.layers[0]
    all_units = trainer.trace(x[1:2], y[1:2])[0]
    weight = np.abs(all_units.v[0] * all_units.delta[0])
    assert set(hidden.units) <= set(np.argsort(-weight)[:6])
    assert (len(hidden.units), hidden.width, len(derivation.content.inputs)) == (3, 30, 3)
    told = "those that weigh most in this row"
    text = str(derivation)
    for shown in (text, derivation.html()):
        assert f"3 of 30 units: {told}" in shown
        assert f"3 of 40 inputs: {told}" in shown
        assert f"9 of 1200 entries of weight: {told}" in shown
    assert "(37 more)" in text
    assert derivation.numbers[f"u-1-{hidden.units[0]}"].left_out == 37


@pytest.mark.parametrize("width", [24, 40, 80, 200])
def test_the_text_fits_its_width_and_leaves_no_number_out(width):
    derivation = traced(CASES["softmax as the activation of a hidden layer"], None).trace.explain(ROW)
    lines = derivation_lines(derivation.content, width)
    assert max(map(len, lines)) <= width
    words = set(" ".join(lines).split())
    for key, number in derivation.numbers.items():
        if not key.startswith(("J-", "L", "lr")):
            assert f"{number.value:.4g}" in words or any(f"{number.value:.4g}" in word for word in words), key


def test_the_text_goes_back_from_the_last_layer():
    lines = str(traced(CASES["no bias"], None).trace.explain(ROW)).splitlines()
    titles = [line.partition(":")[0] for line in lines if line.startswith(("dense_1:", "last:"))]
    assert titles == ["dense_1", "last", "last", "dense_1"]
    headings = [line for line, under in itertools.pairwise(lines) if under and set(under) == {"="}]
    assert headings == ["Forward", "Cost", "Back, last layer first", "Update"]


@pytest.mark.parametrize("row", [4, -5, "1", 1.0, True, None])
def test_a_row_that_is_not_there_is_refused(row):
    trace = traced(CASES["no bias"], None).trace
    with pytest.raises(bp.errors.DataError, match=r"Trace.explain needs a row from 0 to 3, got "):
        trace.explain(row)


@pytest.mark.parametrize("units", [0, -1, 1.5])
def test_at_least_one_unit_is_shown(units):
    with pytest.raises(bp.errors.ConfigError, match="units"):
        traced(CASES["no bias"], None).trace.explain(0, units=units)


def test_a_trace_that_no_trainer_made_says_who_makes_one():
    trace = bp.Trace(1.0, [], np.zeros((1, 1)))
    with pytest.raises(bp.errors.ConfigError, match=r"needs a trace that Trainer\.trace made"):
        trace.explain(0)
