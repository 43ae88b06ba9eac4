"""Numbers at the ends of their range: an error that names the place, or a finite result, and never a warning.

Sizes: 12 rows of 3 numbers. Warnings are errors in this suite, so whatever passes here has given none.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import DataError, NumericalError, RangeError
from bpframe.protocols.traits import metric_fields
from bpframe.registry import registry

X = np.random.default_rng(3).normal(size=(12, 3))
QUANTITIES, AMOUNTS = X[:, 0], np.abs(X[:, 0]) + 0.1
YES, CLASSES = (X[:, 0] > 0).astype(int), np.arange(12) % 3
LARGEST = {"float32": 3e38, "float64": 1e308}
ALLOWED = {"float32": 1.8e19, "float64": 1.3e154}  # in x
BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])

TARGETS: dict[str, tuple[int, Any]] = {  # by loss: scores a row, and y
    **dict.fromkeys(("mse", "mae", "huber", "log_cosh", "charbonnier", "tukey", "quantile"), (1, QUANTITIES)),
    **dict.fromkeys(("expectile", "mape", "cosine"), (1, QUANTITIES)),
    **dict.fromkeys(("gamma", "poisson", "tweedie", "msle"), (1, AMOUNTS)),
    **dict.fromkeys(("sigmoid_cross_entropy", "binary_focal", "binary_cross_entropy", "dice"), (1, YES)),
    **dict.fromkeys(("hinge", "squared_hinge", "modified_huber"), (1, YES)),
    **dict.fromkeys(("softmax_cross_entropy", "cross_entropy", "focal", "kl_divergence"), (3, CLASSES)),
    **dict.fromkeys(("poly1_cross_entropy", "generalized_cross_entropy"), (3, CLASSES)),
    **dict.fromkeys(("multiclass_hinge", "crammer_singer"), (3, CLASSES)),
    "gaussian_nll": (2, QUANTITIES),
    "multi_quantile": (3, QUANTITIES),
    **dict.fromkeys(("beta_nll", "crps_gaussian"), (2, QUANTITIES)),
    "mixture_density": (9, QUANTITIES),
    "corn": (2, CLASSES),
    "triplet": (3, CLASSES),
}
OTHERS = {"heads", "cumulative_link", "cox", "ranknet", "masked"}  # of cut points, of fields, around a loss


REQUIRED: dict[str, dict[str, Any]] = {  # arguments that have no defaults, or none for networks this small
    "muon": {"matrices": "all"},
    **{name: {"inner": "adam"} for name in ("ema", "lookahead", "sam", "cautious")},
    "swa": {"inner": "adam", "start": 2},
    **{name: {"average": "macro"} for name in ("f1", "precision", "recall")},
    "confusion": {"actual": 0, "predicted": 1},
    "accumulate": {"steps": 2},
}


def own(kind: str) -> list[str]:
    """The names of bpframe's components of a kind, one for each class."""
    return sorted({p.target: p.name for p in registry.providers(kind) if p.dist == "bpframe"}.values())


def put(array: Any, value: float, *index: int) -> Any:
    """A copy with one value replaced."""
    changed = np.array(array)
    changed[index] = value
    return changed


def linear(loss: Any = "mse", outputs: int = 1, optimizer: Any = "sgd", dtype: str = "float64", **settings: Any) -> Any:
    end = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}.get(str(loss))  # which need probabilities
    layers = [bp.layers.dense(outputs, activation=end)]
    return bp.Trainer(bp.Network(layers, inputs=3), loss, optimizer, dtype=dtype, **settings)


def finite(trainer: Any) -> bool:
    return all(np.isfinite(p).all() for p in trainer.parameters.values())


def endure(trainer: Any, x: Any, y: Any, **fit: Any) -> bool:
    """Whether a fit goes through; where it does not, it must leave finite parameters, too."""
    try:
        trainer.fit(x, y, **{"epochs": 2, "batch_size": 12, **fit})
    except NumericalError:
        done = False
    else:
        done = True
    assert finite(trainer)
    return done


def test_an_overflow_outside_of_bpframe_is_an_error_here():
    with pytest.raises(RuntimeWarning, match="overflow"):
        np.array([1e308]) * 10


# --------------------------------------------------------------------------------------------------- numbers too large


@pytest.mark.parametrize(
    ("dtype", "value", "needed"),
    [
        ("float32", 1e308, r"at most 1\.8e\+19 in float32, got 1e\+308"),
        ("float32", 2e19, r"at most 1\.8e\+19 in float32, got 2e\+19"),
        ("float64", 1e308, r"at most 1\.3e\+154 in float64, got 1e\+308"),
        ("float64", -2e154, r"at most 1\.3e\+154 in float64, got -2e\+154"),
    ],
)
def test_a_number_too_large_to_compute_with_is_refused_with_row_and_column_wherever_it_enters(dtype, value, needed):
    x, trainer = put(X, value, 7, 2), linear(dtype=dtype)
    trainer.fit(X, QUANTITIES, epochs=1)
    before = trainer.parameters.copy()
    calls = {
        "fit": lambda: trainer.fit(x, QUANTITIES),
        "validation": lambda: trainer.fit(X, QUANTITIES, validation=(x, QUANTITIES)),
        **{name: lambda name=name: getattr(trainer, name)(x) for name in ("scores", "predict")},
        **{name: lambda name=name: getattr(trainer, name)(x, QUANTITIES) for name in ("evaluate", "trace")},
    }
    for name, call in calls.items():
        with pytest.raises(RangeError, match=rf"x needs numbers of {needed} at row 7, column 2\. Scale it"):
            call()
        assert all(np.array_equal(before[key], value) for key, value in trainer.parameters.items()), name


def test_large_numbers_whose_sum_of_squares_alone_overflows_are_data_like_any_other():
    trainer = linear(optimizer={"name": "adam", "lr": 1e-9}, dtype="float32")
    trainer.fit(np.full((12, 3), 1e18), QUANTITIES, epochs=2)
    assert np.isfinite(trainer.predict(np.full((12, 3), 1e18))).all()


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@BOTH
def test_a_net_that_saturates_does_not_train_on_1e308(activation, dtype):
    layers = [bp.layers.dense(8, activation), bp.layers.dense(3)]
    trainer = bp.Trainer(bp.Network(layers, inputs=3), "softmax_cross_entropy", "sgd", dtype=dtype)
    with pytest.raises(DataError, match=r"got 1e\+308 at row 7, column 2"):
        trainer.fit(put(X, 1e308, 7, 2), CLASSES)
    assert trainer.history.train.get("loss", []) == []


def test_a_number_whose_consequences_float64_cannot_hold_is_an_error_with_its_row_and_column():
    trainer = linear()
    with pytest.raises(NumericalError, match=r"step 2, lr 0.01; .* x reaches -1e\+153 at row 7, column 2\."):
        trainer.fit(put(X, -1e153, 7, 2), QUANTITIES, batch_size=12)
    assert finite(trainer)


@BOTH
def test_a_target_whose_loss_does_not_fit_is_an_error_with_its_row_and_column(dtype):
    with pytest.raises(NumericalError, match=r"First in the loss, .* y reaches \d\S+ at row 4, column 0\."):
        linear(dtype=dtype).fit(X, put(QUANTITIES, LARGEST[dtype], 4), batch_size=12)


def test_numbers_of_ordinary_size_are_not_mentioned_where_a_fit_diverges():
    with pytest.raises(NumericalError) as caught:
        linear(optimizer={"name": "sgd", "lr": 1e300}).fit(X, QUANTITIES)
    assert "reaches" not in str(caught.value)


@BOTH
@pytest.mark.parametrize("method", ["scores", "predict", "predict_labels"])
def test_a_score_that_is_not_finite_is_an_error_and_no_prediction(method, dtype):
    trainer = linear("softmax_cross_entropy", 3, dtype=dtype)
    trainer.fit(X, CLASSES, epochs=1)
    trainer.parameters["dense_1/weight"] = np.full((3, 3), 10.0 * ALLOWED[dtype])
    with pytest.raises(NumericalError, match=r"The score of row 5, column 0, is inf; x reaches \d\S+ .* column 1\."):
        getattr(trainer, method)(put(X, ALLOWED[dtype], 5, 1))


@BOTH
def test_a_layer_that_learns_from_such_numbers_gives_a_finite_fit_or_the_error(dtype):
    x = ALLOWED[dtype] * np.random.default_rng(0).uniform(0.1, 1, size=(12, 3))
    network = bp.Network([bp.layers.standardize(), bp.layers.dense(1)])
    endure(bp.Trainer(network, "mse", dtype=dtype), x, QUANTITIES)


@BOTH
@pytest.mark.parametrize("scale", [0.0, 1e-320, 1e-40, 1e-30])
def test_constant_and_tiny_features_train_to_finite_numbers(scale, dtype):
    network = bp.Network([bp.layers.standardize(), bp.layers.dense(2, activation="tanh"), bp.layers.dense(1)])
    assert endure(bp.Trainer(network, "mse", "adam", dtype=dtype), scale * X, QUANTITIES, epochs=3)
    network = bp.Network([bp.layers.batch_norm(), bp.layers.layer_norm(), bp.layers.dense(1)])
    assert endure(bp.Trainer(network, "mse", "adam", dtype=dtype), scale * X, QUANTITIES, epochs=3)


# --------------------------------------------------------------------------------------------- every component there is


def test_every_loss_has_its_targets_here():
    assert set(own("loss")) == {*TARGETS, *OTHERS}


@BOTH
@pytest.mark.parametrize("loss", TARGETS)
def test_with_scores_of_ten_thousand_every_loss_trains_measures_and_predicts_in_finite_numbers(loss, dtype):
    outputs, y = TARGETS[loss]
    trainer = linear(loss, outputs, {"name": "sgd", "lr": 1e-30}, dtype)
    trainer.parameters["dense_1/weight"] = 1e4 * np.sign(np.random.default_rng(1).normal(size=(3, outputs)))
    trainer.parameters["dense_1/bias"] = np.zeros(outputs)
    assert 1e4 < np.abs(X @ trainer.parameters["dense_1/weight"]).max() < 1e5
    assert endure(trainer, X, y, batch_size=5, validation=(X, y))
    assert np.isfinite(trainer.history.train["loss"] + trainer.history.validation["loss"]).all()
    assert np.isfinite(trainer.predict(X)).all()
    assert np.isfinite(trainer.evaluate(X, y)["loss"])
    traced = trainer.trace(X, y)
    assert np.isfinite(traced.loss)
    assert str(traced).startswith("loss ")


@pytest.mark.parametrize(("scale", "dtype"), [(1e-15, "float32"), (1e15, "float32"), (1e150, "float64")])
@pytest.mark.parametrize("activation", own("activation"))
def test_no_activation_warns_however_large_what_it_is_given(activation, scale, dtype):
    network = bp.Network([bp.layers.dense(4, activation=activation), bp.layers.dense(1)], inputs=3)
    trainer = bp.Trainer(network, "mse", dtype=dtype)
    trainer.parameters["dense_1/weight"] = scale * trainer.parameters["dense_1/weight"]
    if endure(trainer, scale * X, QUANTITIES):
        str(trainer.trace(scale * X, QUANTITIES))
        trainer.evaluate(scale * X, QUANTITIES)


@pytest.mark.parametrize(
    ("scale", "dtype"), [(1e-30, "float32"), (1e10, "float32"), (1e18, "float32"), (1e150, "float64")]
)
@pytest.mark.parametrize("optimizer", own("optimizer"))
def test_no_optimizer_warns_however_large_or_small_its_gradients(optimizer, scale, dtype):
    loss, outputs, y = ("softmax_cross_entropy", 3, CLASSES) if optimizer == "sophia_g" else ("mse", 1, QUANTITIES)
    spec = {"name": optimizer, **REQUIRED.get(optimizer, {})}
    endure(linear(loss, outputs, spec, dtype), scale * X, y, epochs=4)


LABELLED = ("roc_auc", "brier", "log_loss", "top_k")  # they compare probabilities with classes
PARTS = {
    **{f"{kind}: {name}": (kind, name) for kind in ("gradient_step", "constraint") for name in own(kind)},
    **{f"regularizer: {name}": ("regularizer", name) for name in own("regularizer")},
}


@pytest.mark.parametrize(("scale", "dtype"), [(1e-30, "float32"), (1e30, "float32"), (1e300, "float64")])
@pytest.mark.parametrize("part", PARTS)
def test_no_part_of_an_update_warns_however_large_the_weights(part, scale, dtype):
    kind, name = PARTS[part]
    trainer = linear(dtype=dtype, **{f"{kind}s": [{"name": name, **REQUIRED.get(name, {})}]})
    trainer.parameters["dense_1/weight"] = np.full((3, 1), scale)
    endure(trainer, X, QUANTITIES)


@BOTH
@pytest.mark.parametrize("metric", [name for name in own("metric") if not metric_fields(bp.load("metric", name))])
def test_no_metric_warns_however_wrong_the_predictions(metric, dtype):
    spec = {"name": metric, **REQUIRED.get(metric, {})}
    classes = bp.build("metric", spec).of == "labels" or metric in LABELLED
    loss, outputs, y = ("softmax_cross_entropy", 3, CLASSES) if classes else ("mse", 1, QUANTITIES)
    trainer = linear(loss, outputs, dtype=dtype, metrics=[spec])
    trainer.fit(X, y, epochs=1)
    trainer.parameters["dense_1/weight"] = np.full((3, outputs), 0.1 * LARGEST[dtype])
    assert metric in trainer.evaluate(X, y)


# ---------------------------------------------------------------------------------------- who is named where it happens


@dataclass(frozen=True)
class Slopeless:
    """Squared error whose slope is not finite."""

    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        r = scores - target
        return 0.5 * (r * r).sum(axis=1), r / np.zeros_like(r)


@dataclass(frozen=True)
class Scale:
    """y = x w, whose gradient in w is log(0)."""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {"weight": np.ones(in_shape)}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return x * params["weight"], x

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy * params["weight"], {"weight": np.log(0 * params["weight"])}


@dataclass(frozen=True)
class Rule:
    """Divides by the zeros that it began with."""

    scope: ClassVar[str] = "element"

    def init(self, p: Any) -> Any:
        return {}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return p - g / (0 * g), {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": Slopeless()}, r"First in the slope of the loss \(loss Slopeless\)\."),
        ({"layers": [Scale()]}, r"First in layer 'scale_1', dw \(layer Scale\)\."),
        ({"optimizer": Rule()}, r"First in the update, to layer 'dense_1' \(optimizer Rule\)\."),
    ],
    ids=["loss", "layer", "optimizer"],
)
def test_a_component_whose_numbers_are_not_finite_is_named_and_the_last_finite_step_kept(arguments, message):
    layers = [*arguments.pop("layers", []), bp.layers.dense(1)]
    trainer = bp.Trainer(bp.Network(layers, inputs=3), **{"loss": "mse", **arguments})
    initial = trainer.parameters.copy()
    with pytest.raises(NumericalError, match=message):
        trainer.fit(X, QUANTITIES, epochs=2, batch_size=4)
    assert all(np.array_equal(initial[name], value) for name, value in trainer.parameters.items())


def test_nothing_of_numpys_settings_for_errors_is_left_changed():
    before = np.geterr(), list(warnings.filters)
    trainer = linear()
    with pytest.raises(NumericalError):
        trainer.fit(put(X, 1e153, 0, 0), QUANTITIES)
    linear().fit(X, QUANTITIES, epochs=1)
    assert before == (np.geterr(), list(warnings.filters))
