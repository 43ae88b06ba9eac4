"""Layers that compute the weight of another one: as PyTorch trains them, and by the properties they are for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.errors import BpframeError, ShapeError

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "weight_norms.npz")
STEPS, LR = 5, 0.1  # of tests/golden/make_weight_norms.py
ENGINES = pytest.mark.parametrize("engine", ["numpy", "jax"])
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 6)), RNG.normal(size=(30, 2))


def kernel(w: Any) -> Any:
    """(out, in, ...) of PyTorch as (..., in, out)."""
    return np.moveaxis(w, (1, 0), (-2, -1))


def from_torch(case: str, place: str) -> dict[str, Any]:
    """The parameters of a case, as bpframe has them."""
    first, second = (f"{case}/{place}/{k}." for k in ((0, 2) if case == "dense" else (1, 3)))
    weight = GOLDEN[f"{first}parametrizations.weight.original"]
    rows = GOLDEN[f"{first}parametrizations.weight.0._v"].reshape(weight.shape[1:])
    return {
        "spectral_norm_1/weight": kernel(weight),
        "spectral_norm_1/bias": GOLDEN[f"{first}bias"],
        "spectral_norm_1/buffers/u": rows.T.reshape(-1),
        "spectral_norm_1/buffers/v": GOLDEN[f"{first}parametrizations.weight.0._u"],
        "weight_norm_1/direction": kernel(GOLDEN[f"{second}parametrizations.weight.original1"]),
        "weight_norm_1/magnitude": GOLDEN[f"{second}parametrizations.weight.original0"].reshape(-1),
        "weight_norm_1/bias": GOLDEN[f"{second}bias"],
    }


def network(case: str) -> bp.Network:
    tanh = {"activation": "tanh"}
    if case == "dense":
        layers = [bp.layers.spectral_norm(bp.layers.dense(5, **tanh)), bp.layers.weight_norm(bp.layers.dense(3))]
        return bp.Network(layers, inputs=12)
    first, second = bp.layers.conv1d(4, kernel_size=3, **tanh), bp.layers.conv1d(3, kernel_size=4)
    return bp.Network(
        [
            bp.layers.reshape((6, 2)),
            bp.layers.spectral_norm(first),
            bp.layers.weight_norm(second),
            "flatten",
        ],
        inputs=12,
    )


@ENGINES
@pytest.mark.parametrize("case", ["dense", "conv"])
def test_a_training_takes_the_parameters_where_pytorch_takes_them(case, engine):
    x = GOLDEN["x"] if case == "dense" else np.moveaxis(GOLDEN["x"].reshape(16, 2, 6), 1, 2).reshape(16, 12)
    rate = LR * 2 / 3  # mse has one half of the sum over 3 outputs, PyTorch their mean
    trainer = bp.Trainer(network(case), "mse", {"name": "sgd", "lr": rate}, dtype="float64", engine=engine)
    trainer.parameters.replace(from_torch(case, "before"))
    trainer.fit(x, GOLDEN["target"], epochs=STEPS, batch_size=16, shuffle=False, verbose=0)
    for name, want in from_torch(case, "after").items():
        np.testing.assert_allclose(trainer.parameters[name], want, rtol=1e-10, atol=1e-12, err_msg=name)


def trainer(*layers: Any, **options: Any) -> bp.Trainer:
    return bp.Trainer(bp.Network([*layers, bp.layers.dense(2)]), "mse", dtype="float64", **options)


def test_no_singular_value_of_a_spectrally_normalized_weight_stays_above_1():
    made = trainer(bp.layers.spectral_norm(bp.layers.dense(5)), optimizer={"name": "sgd", "lr": 0.01})
    made.fit(X, 10 * Y, epochs=40, batch_size=10, verbose=0)
    w, u, v = (made.parameters[f"spectral_norm_1/{name}"] for name in ("weight", "buffers/u", "buffers/v"))
    values = np.linalg.svd(w, compute_uv=False)
    assert values[0] > 1.5
    assert values[0] / (u @ w @ v) == pytest.approx(1, abs=0.01)
    (out,) = (layer.v for layer in made.trace(X, Y).layers if layer.name == "spectral_norm_1")
    spread = (out - made.parameters["spectral_norm_1/bias"]) @ np.eye(5)
    assert np.linalg.norm(spread, 2) <= 1.01 * np.linalg.norm(X, 2)


def test_a_weight_norm_starts_as_its_layer_and_keeps_the_length_that_its_magnitude_says():
    plain, own = trainer(bp.layers.dense(5)), trainer(bp.layers.weight_norm(bp.layers.dense(5)))
    np.testing.assert_allclose(own.trace(X, Y).loss, plain.trace(X, Y).loss, rtol=1e-12)
    own.parameters["weight_norm_1/direction"] = 7 * own.parameters["weight_norm_1/direction"]
    np.testing.assert_allclose(own.trace(X, Y).loss, plain.trace(X, Y).loss, rtol=1e-12)


def test_a_column_of_zeros_stays_a_weight_of_zeros_and_trains():
    zeros = bp.layers.dense(4, weight_initializer="zeros")
    for layer in (bp.layers.weight_norm(zeros), bp.layers.spectral_norm(zeros)):
        made = trainer(layer)
        made.fit(X, Y, epochs=2, verbose=0)
        assert all(np.isfinite(value).all() for value in made.parameters.copy().values())


def test_a_wrapped_layer_starts_from_data_and_freezes_with_its_buffers():
    made = trainer(
        bp.layers.weight_norm(bp.layers.dense(4, weight_initializer="lsuv")),
        bp.layers.spectral_norm(bp.layers.dense(4)),
        groups=[{"match": "spectral_norm_1/*", "frozen": True}, {"match": "weight_norm_1/*", "frozen": True}],
    )
    made.trace(X, Y)
    before = made.parameters.copy()
    made.fit(X, Y, epochs=2, verbose=0)
    w = made.parameters["weight_norm_1/direction"]
    assert (X @ w).var() == pytest.approx(1, rel=1e-9)
    np.testing.assert_allclose(made.parameters["weight_norm_1/magnitude"], np.linalg.norm(w, axis=0), rtol=1e-12)
    for name in ("buffers/u", "buffers/v", "weight"):
        np.testing.assert_array_equal(made.parameters[f"spectral_norm_1/{name}"], before[f"spectral_norm_1/{name}"])


@ENGINES
def test_a_run_that_goes_on_from_a_file_ends_in_the_same_bytes(engine, tmp_path):
    def run(resume: bool) -> bytes:
        layers = [bp.layers.spectral_norm(bp.layers.dense(4)), bp.layers.weight_norm(bp.layers.dense(4))]
        made = trainer(*layers, engine=engine)
        made.fit(X, Y, epochs=2, verbose=0)
        if resume:
            made.checkpoint(tmp_path / "c")
            made = bp.Trainer.resume(tmp_path / "c")
        made.fit(X, Y, epochs=2, verbose=0)
        return b"".join(value.tobytes() for value in made.parameters.copy().values())

    assert run(True) == run(False)


@pytest.mark.parametrize("wrapper", [bp.layers.weight_norm, bp.layers.spectral_norm])
def test_layers_that_cannot_be_wrapped_are_refused(wrapper):
    with pytest.raises(ShapeError, match="a weight of two axes or more, got one with no parameters"):
        trainer(wrapper("dropout")).trace(X, Y)
    with pytest.raises(ShapeError, match="two axes or more, got one with scale, shift"):
        trainer(wrapper("layer_norm")).trace(X, Y)
    with pytest.raises(BpframeError, match=r"without buffers, got BatchNorm|holds batch_norm, which has 'refresh'"):
        trainer(wrapper("batch_norm")).trace(X, Y)
    with pytest.raises(ShapeError, match="two axes or more, got one with slope"):
        trainer(wrapper(bp.activations.prelu())).trace(X, Y)
