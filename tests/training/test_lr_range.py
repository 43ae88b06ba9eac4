"""The learning rate range test under accumulate: the rates that updates used, and the losses they followed."""

from __future__ import annotations

import numpy as np
import pytest

import bpframe as bp

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 4))
Y = (X @ [1, -2, 0.5, 0])[:, None]


def trainer(*gradient_steps, **options):
    network = bp.Network([bp.layers.dense(5, "tanh"), bp.layers.dense(1)], inputs=4)
    return bp.Trainer(network, "mse", "sgd", gradient_steps=gradient_steps, dtype="float64", metrics=[], **options)


@pytest.mark.parametrize("engine", ["numpy", pytest.param("jax", marks=pytest.mark.slow)])
def test_gathered_batches_of_all_rows_give_the_range_of_whole_batches(engine):
    gathered = trainer(bp.gradient_steps.accumulate(4), engine=engine)
    gathered = bp.lr_range_test(gathered, X, Y, lowest=1e-3, steps=30, batch_size=8)
    whole = bp.lr_range_test(trainer(), X, Y, lowest=1e-3, steps=30, batch_size=32)
    np.testing.assert_allclose(gathered.lr, whole.lr, rtol=1e-12)
    np.testing.assert_allclose(gathered.loss, whole.loss, rtol=1e-9)
    assert gathered.suggestion == pytest.approx(whole.suggestion)


def test_each_rate_is_the_one_that_moved_the_parameters():
    tried = bp.lr_range_test(trainer(bp.gradient_steps.accumulate(4)), X, Y, lowest=1e-3, highest=1.0, steps=3)
    np.testing.assert_allclose(tried.lr, [1e-3, 1e-3**0.5, 1.0])


def test_a_smaller_last_batch_counts_by_its_rows_in_the_loss_of_an_update():
    rows, target = X[:20], Y[:20]  # batches of 8, 8 and 4
    tried = bp.lr_range_test(trainer(bp.gradient_steps.accumulate(3)), rows, target, steps=2, batch_size=8)
    assert tried.loss[0] == pytest.approx(trainer().evaluate(rows, target)["loss"], rel=1e-12)
