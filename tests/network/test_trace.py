"""`trace` shows the arrays of the recursion: each is that of a network in plain numbers and difference quotients.

Sizes: 4 rows of 3 numbers, hidden layers of 4 and 3 units, 2 outputs (or 3 classes).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from tests.scalar_network import PHI, Nudge, Part, Rows, Seen, forward, mean_loss, slope

ELEMENTWISE = sorted(PHI)
MARGIN = 0.01  # no u comes as near to a kink at 0, so no difference quotient straddles it
WEIGHT = [1.0, 0.5, 2.0, 3.0]


@dataclass(frozen=True)
class Case:
    """A network to trace, its parts in words, and a batch; targets (4, C) as the loss sees them, y as users give it."""

    layers: list[Any]
    parts: list[Part]
    loss: str
    y: Any
    target: Rows


def quantities(layers: list[Any], parts: list[Part], loss: str = "mse") -> Case:
    target = [[0.3, -1.2], [2.0, 0.1], [-0.7, 0.4], [1.1, -0.2]]
    return Case(layers, parts, loss, np.array(target), target)


def classes(layers: list[Any], parts: list[Part], loss: str) -> Case:
    target = [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    return Case(layers, parts, loss, np.array([1, 0, 2, 1]), target)


def dense(units: int, activation: str | None = None, **settings: Any) -> Any:
    return bp.layers.dense(units, activation=activation, bias_initializer=bp.initializers.constant(0.15), **settings)


CASES: dict[str, Case] = {
    **{
        f"dense with {phi}": quantities(
            [dense(4, phi), dense(3, phi), dense(2)],
            [Part("dense_1", "dense", phi), Part("dense_2", "dense", phi), Part("dense_3", "dense")],
        )
        for phi in ELEMENTWISE
    },
    **{
        f"activation layer {phi}": quantities(
            [dense(4), {"name": "activation", "activation": phi}, dense(2)],
            [Part("dense_1", "dense"), Part("activation_1", "activation", phi), Part("dense_2", "dense")],
        )
        for phi in ELEMENTWISE
    },
    "softmax as the activation of a hidden layer": quantities(
        [dense(4, "softmax"), dense(2)], [Part("dense_1", "dense", "softmax"), Part("dense_2", "dense")]
    ),
    "softmax layer at the end": classes(
        [dense(4, "tanh"), dense(3), {"name": "activation", "activation": "softmax", "label": "probabilities"}],
        [
            Part("dense_1", "dense", "tanh"),
            Part("dense_2", "dense"),
            Part("probabilities", "activation", "softmax"),
        ],
        "cross_entropy",
    ),
    "softmax and its loss in one": classes(
        [dense(4, "tanh"), dense(3)],
        [Part("dense_1", "dense", "tanh"), Part("dense_2", "dense")],
        "softmax_cross_entropy",
    ),
    "sigmoid and its loss in one": Case(
        [dense(4, "tanh"), dense(1)],
        [Part("dense_1", "dense", "tanh"), Part("dense_2", "dense")],
        "sigmoid_cross_entropy",
        np.array(["no", "yes", "yes", "no"]),
        [[0.0], [1.0], [1.0], [0.0]],
    ),
    "standardize in front": quantities(
        [{"name": "standardize"}, dense(4, "tanh"), dense(2)],
        [Part("standardize_1", "standardize"), Part("dense_1", "dense", "tanh"), Part("dense_2", "dense")],
    ),
    "standardize in the middle": quantities(
        [dense(4, "tanh"), {"name": "standardize", "label": "level"}, dense(2)],
        [Part("dense_1", "dense", "tanh"), Part("level", "standardize"), Part("dense_2", "dense")],
    ),
    "no bias": quantities(
        [dense(4, "sigmoid", bias=False), dense(2, bias=False, label="last")],
        [Part("dense_1", "dense", "sigmoid"), Part("last", "dense")],
    ),
    "huber": quantities(
        [dense(4, "tanh"), dense(2)], [Part("dense_1", "dense", "tanh"), Part("dense_2", "dense")], "huber"
    ),
}


@dataclass(frozen=True)
class Traced:
    """A case, its trace, and all that the network in plain numbers needs."""

    case: Case
    trainer: Any
    trace: Any
    x: Rows
    parameters: dict[str, Any]
    weight: list[float]

    def loss(self, parameters: dict[str, Any] | None = None, nudge: Nudge | None = None) -> float:
        """The mean loss with other parameters, or with one u nudged."""
        seen = forward(self.case.parts, parameters or self.parameters, self.x, nudge)
        return mean_loss(self.case.loss, seen[-1].v, self.case.target, self.weight)

    def seen(self) -> list[Seen]:
        return forward(self.case.parts, self.parameters, self.x)


def x_rows() -> np.ndarray[Any, Any]:
    return np.random.default_rng(5).normal(size=(4, 3))


def trainer_of(case: Case, **settings: Any) -> Any:
    return bp.Trainer(bp.Network(case.layers), loss=case.loss, **{"dtype": "float64", "seed": 2, **settings})


def traced(case: Case, weight: list[float] | None) -> Traced:
    x = x_rows()
    trainer = trainer_of(case)
    trainer.fit(x, case.y, epochs=2, batch_size=2)
    trace = trainer.trace(x, case.y, sample_weight=weight)
    parameters = {name: array.tolist() for name, array in trainer.parameters.items()}
    return Traced(case, trainer, trace, x.tolist(), parameters, weight or [1.0] * 4)


@pytest.fixture(params=[None, WEIGHT], ids=["plain", "weighted"])
def weight(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def batch(request: pytest.FixtureRequest, weight: Any) -> Traced:
    return traced(request.param, weight)


def replaced(parameters: dict[str, Any], name: str, index: tuple[int, ...], change: float) -> dict[str, Any]:
    array = np.array(parameters[name])
    array[index] += change
    return {**parameters, name: array.tolist()}


def by_parameter(batch: Traced, name: str) -> np.ndarray[Any, Any]:
    """dLoss/dparameter, an entry at a time."""
    shape = np.shape(batch.parameters[name])

    def at(index: tuple[int, ...]) -> float:
        return slope(lambda h: batch.loss(replaced(batch.parameters, name, index, h)))

    return np.array([at(index) for index in np.ndindex(shape)]).reshape(shape)


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-8, atol=1e-11)


# the arrays


def test_x_u_and_v_are_those_of_the_network_in_plain_numbers(batch):
    for record, part, seen in zip(batch.trace.layers, batch.case.parts, batch.seen(), strict=True):
        close(record.x, seen.x)
        close(record.v, seen.v)
        if part.kind != "standardize":
            close(record.u, seen.u)
            assert record.u.shape == record.v.shape


def test_loss_is_that_of_the_network_in_plain_numbers_and_of_evaluate(batch, weight):
    assert batch.trace.loss == pytest.approx(batch.loss(), rel=1e-12)
    x = np.array(batch.x)
    assert batch.trace.loss == pytest.approx(
        batch.trainer.evaluate(x, batch.case.y, sample_weight=weight)["loss"], rel=1e-14
    )


def test_delta_is_the_slope_of_the_mean_loss_in_u_and_carries_the_rows_share(batch):
    for k, (record, part) in enumerate(zip(batch.trace.layers, batch.case.parts, strict=True)):
        if part.kind == "standardize":
            continue
        expected = [
            [slope(lambda h, at=(k, i, j): batch.loss(nudge=Nudge(*at, h))) for j in range(record.u.shape[1])]
            for i in range(4)
        ]
        close(record.delta, expected)


def test_dw_and_db_are_the_slopes_of_the_mean_loss_in_w_and_b(batch):
    assert any(record.dw is not None for record in batch.trace.layers)
    for record in batch.trace.layers:
        if record.w is not None:
            close(record.dw, by_parameter(batch, f"{record.name}/weight"))
        if record.b is not None:
            close(record.db, by_parameter(batch, f"{record.name}/bias"))


def test_difference_quotients_keep_away_from_kinks():
    for phi in ("relu", "elu"):
        for name in (f"dense with {phi}", f"activation layer {phi}"):
            batch = traced(CASES[name], None)
            for part, seen in zip(batch.case.parts, batch.seen(), strict=True):
                if part.activation == phi:
                    assert np.abs(seen.u).min() > MARGIN
    huber = traced(CASES["huber"], None)
    assert np.abs(np.abs(np.array(huber.seen()[-1].v) - huber.case.target) - 1).min() > MARGIN


def test_w_and_b_are_the_parameters_by_the_layers_label(batch):
    for record, part in zip(batch.trace.layers, batch.case.parts, strict=True):
        for array, name in ((record.w, "weight"), (record.b, "bias")):
            if array is None:
                assert f"{part.label}/{name}" not in batch.parameters
            else:
                np.testing.assert_array_equal(array, batch.parameters[f"{part.label}/{name}"])


def test_dw_is_the_slope_of_what_evaluate_says_when_parameters_are_set():
    batch = traced(CASES["softmax layer at the end"], WEIGHT)
    trainer, x = batch.trainer, np.array(batch.x)

    def at(index: tuple[int, int]) -> Callable[[float], float]:
        def loss(h: float) -> float:
            trainer.parameters["dense_1/weight"] = replaced(batch.parameters, "dense_1/weight", index, h)[
                "dense_1/weight"
            ]
            return float(trainer.evaluate(x, batch.case.y, sample_weight=WEIGHT)["loss"])

        return loss

    dw = batch.trace.layers[0].dw
    expected = [[slope(at((i, j))) for j in range(dw.shape[1])] for i in range(dw.shape[0])]
    close(dw, expected)


def test_prediction_stands_behind_the_link():
    softmaxed = traced(CASES["softmax and its loss in one"], None)
    e = np.exp(softmaxed.trace.layers[-1].v)
    close(softmaxed.trace.prediction, e / e.sum(axis=1, keepdims=True))
    one = traced(CASES["sigmoid and its loss in one"], None)
    close(one.trace.prediction, 1 / (1 + np.exp(-one.trace.layers[-1].v)))
    plain = traced(CASES["no bias"], None)
    np.testing.assert_array_equal(plain.trace.prediction, plain.trace.layers[-1].v)


# the records


def test_there_is_one_record_a_layer_in_order_named_by_its_label(batch):
    assert [record.name for record in batch.trace.layers] == [part.label for part in batch.case.parts]


def test_a_layer_shows_exactly_the_arrays_that_it_has(batch):
    wanted = {
        "dense": {"x", "u", "v", "delta", "w", "b", "dw", "db"},
        "activation": {"x", "u", "v", "delta"},
        "standardize": {"x", "v"},
    }
    for record, part in zip(batch.trace.layers, batch.case.parts, strict=True):
        without = set() if f"{part.label}/bias" in batch.parameters else {"b", "db"}
        assert set(record.arrays()) == wanted[part.kind] - without


def test_one_layers_v_is_the_next_ones_x(batch):
    for below, above in zip(batch.trace.layers, batch.trace.layers[1:], strict=False):
        np.testing.assert_array_equal(below.v, above.x)


def test_a_trace_prints_as_a_table_of_every_array(batch):
    lines = str(batch.trace).splitlines()
    assert lines[0] == f"loss {batch.trace.loss:.6g}"
    assert lines[1].split() == ["layer", "array", "shape", "mean", "std", "min", "max"]
    rows = [(record.name, name, array) for record in batch.trace.layers for name, array in record.arrays().items()]
    assert len(lines) == 2 + len(rows)
    for line, (label, name, array) in zip(lines[2:], rows, strict=True):
        assert line.startswith(label)
        assert line.split()[1] == name
        assert str(array.shape) in line
        numbers = [float(word) for word in line.split()[-4:]]
        expected = [array.mean(), array.std(), array.min(), array.max()]
        np.testing.assert_allclose(numbers, expected, rtol=1e-3, atol=1e-15)


def test_the_columns_of_the_table_stand_in_line_under_a_long_label():
    case = quantities([dense(4, "tanh", label="a_layer_with_a_long_label"), dense(2)], [])
    lines = str(trainer_of(case).trace(x_rows(), case.y)).splitlines()[1:]
    rows = [line for line in lines if not line.startswith("layer")]
    assert len({len(line) for line in lines}) == 1
    assert len({line.index(line.split()[1], len(line.split()[0])) for line in rows}) == 1


# when and how it may be asked for


def test_before_any_fit_trace_shows_the_network_as_initialised():
    case = CASES["dense with tanh"]
    trainer = trainer_of(case)
    trace = trainer.trace(x_rows(), case.y)
    batch = Traced(
        case, trainer, trace, x_rows().tolist(), {n: a.tolist() for n, a in trainer.parameters.items()}, [1.0] * 4
    )
    close(trace.layers[1].dw, by_parameter(batch, "dense_2/weight"))
    untouched = bp.Network(case.layers, inputs=3)
    for name, array in bp.Trainer(untouched, loss="mse", dtype="float64", seed=2).parameters.items():
        np.testing.assert_array_equal(array, batch.parameters[name])


@pytest.mark.parametrize("name", CASES)
def test_a_trace_before_the_fit_does_not_change_what_the_fit_does(name):
    case, x = CASES[name], x_rows()
    curious, plain = trainer_of(case), trainer_of(case)
    curious.trace(x, case.y)
    for trainer in (curious, plain):
        trainer.fit(x, case.y, epochs=2, batch_size=2)
    for parameter, array in plain.parameters.items():
        np.testing.assert_array_equal(curious.parameters[parameter], array)
    assert curious.history.train == plain.history.train


def test_a_trace_before_the_fit_does_not_decide_which_labels_there_are():
    x, y = x_rows(), np.array(["a", "b", "c", "a"])
    trainer = bp.Trainer(bp.Network([dense(3)]), loss="softmax_cross_entropy", dtype="float64")
    trainer.trace(x[:2], y[:2])
    trainer.fit(x, y, epochs=1)
    assert set(trainer.predict_labels(x)) <= set(y)


def test_trace_changes_no_parameter_and_no_history_and_repeats_itself(batch, weight):
    before = batch.trainer.parameters.copy()
    again = batch.trainer.trace(np.array(batch.x), batch.case.y, sample_weight=weight)
    assert len(batch.trainer.history) == 2
    for name, array in batch.trainer.parameters.items():
        np.testing.assert_array_equal(array, before[name])
    for one, two in zip(batch.trace.layers, again.layers, strict=True):
        for name, array in one.arrays().items():
            np.testing.assert_array_equal(array, two.arrays()[name])


def test_arrays_of_a_trace_are_copies_of_the_parameters():
    batch = traced(CASES["dense with tanh"], None)
    batch.trace.layers[0].w[...] = 7.0
    batch.trace.layers[0].b[...] = 7.0
    assert not (batch.trainer.parameters["dense_1/weight"] == 7).any()
    assert not (batch.trainer.parameters["dense_1/bias"] == 7).any()


def test_weights_that_are_all_alike_change_no_array():
    plain = traced(CASES["softmax and its loss in one"], None)
    alike = plain.trainer.trace(np.array(plain.x), plain.case.y, sample_weight=[8.0] * 4)
    for one, two in zip(plain.trace.layers, alike.layers, strict=True):
        for name, array in one.arrays().items():
            np.testing.assert_allclose(two.arrays()[name], array, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("name", CASES)
def test_in_float32_every_array_is_float32_and_near_the_float64_one(name):
    case, x = CASES[name], x_rows()
    wide, narrow = trainer_of(case), trainer_of(case, dtype="float32")
    for one, two in zip(wide.trace(x, case.y).layers, narrow.trace(x, case.y).layers, strict=True):
        for key, array in one.arrays().items():
            assert two.arrays()[key].dtype == np.float32
            np.testing.assert_allclose(two.arrays()[key], array, rtol=2e-4, atol=2e-6)


# the reference


def test_the_difference_quotient_knows_a_slope_from_one_that_is_a_little_off():
    assert slope(lambda h: np.exp(1 + h)) == pytest.approx(np.e, rel=1e-11)
    assert slope(lambda h: np.exp(1 + 1.0001 * h)) != pytest.approx(np.e, rel=1e-6)


def test_the_comparison_notices_one_wrong_gradient():
    batch = traced(CASES["dense with tanh"], None)
    wrong = batch.trace.layers[0].dw.copy()
    wrong[1, 2] *= 1.001
    with pytest.raises(AssertionError, match="Mismatched elements: 1 / 12"):
        close(wrong, by_parameter(batch, "dense_1/weight"))
