"""`Trainer.function`: what a model predicts, as a pure function of arrays of any namespace."""

from __future__ import annotations

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import bpframe as bp
from bpframe import tree
from tests.export.models import X, Y, classifier, fitted


def heads():
    """Two heads, one with targets far from 0."""
    loss = bp.losses.heads(losses=["softmax_cross_entropy", "mse"], widths=[3, 1], names=["kind", "size"])
    layers = ["standardize", {"name": "dense", "units": 4}]
    return fitted(layers, loss, {"kind": Y, "size": 1e3 + X[:, 0]}, standardize_target=True, dtype="float64")


@pytest.mark.parametrize("trainer", [classifier("float64"), heads()], ids=["classifier", "heads"])
def test_it_predicts_as_the_trainer_does_in_every_namespace(trainer):
    f, params = trainer.function()
    want = trainer.predict(X)
    assert np.allclose(f(params, X), want, rtol=1e-12)
    strict = tree.transform(params, array_api_strict.asarray)
    assert np.allclose(np.asarray(f(strict, array_api_strict.asarray(X))), want, rtol=1e-12)
    with jax.enable_x64():
        there = tree.transform(params, jnp.asarray)
        assert np.allclose(jax.jit(f)(there, jnp.asarray(X)), want, rtol=1e-12)


def test_jax_differentiates_and_vectorises_it():
    f, params = classifier("float64").function()
    with jax.enable_x64():
        params = tree.transform(params, jnp.asarray)
        one = jax.vmap(lambda x: f(params, x[None])[0])(jnp.asarray(X))
        assert np.allclose(one, f(params, jnp.asarray(X)), rtol=1e-10)
        x, direction = jnp.asarray(X[:1]), jnp.asarray(X[1:2])
        slope = float(jnp.sum(jax.grad(lambda x: f(params, x)[0, 1])(x) * direction))
        apart = [float(f(params, x + step * direction)[0, 1]) for step in (1e-6, -1e-6)]
    assert np.isclose(slope, (apart[0] - apart[1]) / 2e-6, rtol=1e-5)


def test_its_parameters_are_copies_in_a_tree():
    trainer = classifier()
    f, params = trainer.function()
    before = trainer.predict(X)
    params["dense_1"]["weight"][...] = 0
    assert np.array_equal(trainer.predict(X), before)
    assert not np.allclose(f(params, X.astype("f4")), before)


def test_an_offset_that_the_first_fit_learned_leaves_in_the_dtype_of_the_rows():
    x = X + 1.7e9
    trainer = fitted(["standardize", {"name": "dense", "units": 3}], x=x)
    f, params = trainer.function()
    assert np.allclose(f(params, x), trainer.predict(x), rtol=1e-4)
