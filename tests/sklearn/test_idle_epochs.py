"""Early stopping of an estimator whose rule predicts with an average that few epochs renew."""

from __future__ import annotations

import numpy as np

import bpframe as bp
from bpframe.sklearn import MLPRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 4))
Y = X @ [1, -2, 0.5, 0]


def test_a_validation_score_that_no_epoch_could_change_spends_no_patience():
    solver = bp.optimizers.lookahead("adam", steps=30)  # 3 batches an epoch
    model = MLPRegressor(
        hidden_layer_sizes=(5,), solver=solver, early_stopping=True, n_iter_no_change=2, max_iter=35, tol=1e9
    )
    model.set_params(batch_size=8, random_state=0, validation_fraction=0.25).fit(X, Y)
    assert len(set(model.validation_scores_)) == 4
    assert len(model.validation_scores_) == 30  # the first counts, and three that changed
