"""Models leave to scikit-learn's own MLP, and pipelines with bpframe's estimators to ONNX by skl2onnx."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import skl2onnx
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import bpframe as bp
from bpframe.errors import ConfigError
from bpframe.sklearn import MLPClassifier, MLPRegressor, register_onnx, to_sklearn

X = np.random.default_rng(0).normal(size=(90, 5)) * 3 + 2
LABELS = np.array(["ant", "bee", "cat"])[np.arange(90) % 3]


def fitted(loss, y, outputs, **parts):
    """A trainer with standardised inputs and two hidden layers."""
    hidden = [bp.layers.dense(6, activation="tanh"), bp.layers.dense(4, activation="tanh")]
    trainer = bp.Trainer(bp.Network(["standardize", *hidden, bp.layers.dense(outputs)]), loss, seed=0, **parts)
    trainer.fit(X, y, epochs=3, verbose=0)
    return trainer


@pytest.mark.parametrize(
    ("loss", "y", "outputs"),
    [("softmax_cross_entropy", LABELS, 3), ("sigmoid_cross_entropy", LABELS == "ant", 1)],
)
def test_a_classifier_of_scikit_learn_predicts_what_the_trainer_does(loss, y, outputs):
    trainer = fitted(loss, y, outputs, dtype="float64")
    model = to_sklearn(trainer)
    want = trainer.predict(X)
    assert np.allclose(model.predict_proba(X)[:, -outputs:], want, rtol=1e-10)
    assert model.predict(X).tolist() == trainer.predict_labels(X).tolist()


def test_a_regressor_of_scikit_learn_predicts_in_the_units_of_y():
    trainer = fitted("mse", 1e3 + X[:, :2], 2, standardize_target=True, dtype="float64")
    assert np.allclose(to_sklearn(trainer).predict(X), trainer.predict(X), rtol=1e-10)


def test_and_back_again():
    trainer = fitted("softmax_cross_entropy", LABELS, 3, dtype="float64")
    network = bp.Network([bp.layers.dense(n, activation="tanh") for n in (6, 4)] + [bp.layers.dense(3)], inputs=5)
    again = bp.Trainer(network, "softmax_cross_entropy", dtype="float64")
    again.load_weights(to_sklearn(trainer))
    assert np.allclose(again.predict(X), trainer.predict(X), rtol=1e-10)


def test_what_scikit_learn_has_not_is_named():
    network = bp.Network([bp.layers.dense(4, activation="gelu"), "layer_norm", bp.layers.dense(3)], inputs=5)
    with pytest.raises(ConfigError, match="got gelu in 'dense_1'"):
        to_sklearn(bp.Trainer(network, "softmax_cross_entropy"))
    with pytest.raises(ConfigError, match="no layer layer_norm"):
        to_sklearn(bp.Trainer(bp.Network(["layer_norm", bp.layers.dense(3)], inputs=5), "mse"))
    with pytest.raises(ConfigError, match="no link 'exponential'"):
        to_sklearn(bp.Trainer(bp.Network([bp.layers.dense(1)], inputs=5), "poisson"))


def converted(pipeline, dtype):
    """What onnxruntime makes of a pipeline of scikit-learn, by name."""
    register_onnx()
    options = {id(pipeline): {"zipmap": False}} if hasattr(pipeline, "predict_proba") else None
    model = skl2onnx.to_onnx(pipeline, X[:1].astype(dtype), target_opset=21, options=options)
    onnx.checker.check_model(model, full_check=True)
    run = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in run.get_outputs()]
    return dict(zip(names, run.run(names, {"X": X.astype(dtype)}), strict=True))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("y", [LABELS, np.arange(90) % 2, np.arange(90) % 3 + 5])
def test_a_pipeline_with_the_classifier_is_converted_by_skl2onnx(y):
    model = make_pipeline(StandardScaler(), MLPClassifier((6,), activation="gelu", max_iter=5, random_state=0))
    model.fit(X.astype("f4"), y)
    made = converted(model, "float32")
    assert np.allclose(made["probabilities"], model.predict_proba(X.astype("f4")), atol=2e-6)
    assert made["label"].tolist() == model.predict(X.astype("f4")).tolist()


@pytest.mark.filterwarnings("ignore")
def test_a_pipeline_with_the_regressor_is_converted_by_skl2onnx():
    model = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(6,), max_iter=5, random_state=0)).fit(
        X, X[:, 0] * 3
    )
    made = converted(model, "float64")
    assert np.allclose(made["variable"].ravel(), model.predict(X), rtol=1e-6)
