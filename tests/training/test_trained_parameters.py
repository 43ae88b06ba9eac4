"""Groups of parameters are made once for the same parts, and anew where a part is another, or a list has changed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import bpframe as bp
from bpframe.training import trained_parameters
from bpframe.training.trained_parameters import TrainedParameters

X, Y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2


def trainer(**parts):
    return bp.Trainer(bp.Network([bp.layers.dense(4), bp.layers.dense(2)]), "softmax_cross_entropy", "adam", **parts)


@pytest.fixture
def made(monkeypatch):
    """The specs of which groups were made."""
    found = []
    update_groups = trained_parameters.update_groups
    monkeypatch.setattr(
        trained_parameters, "update_groups", lambda known, spec: found.append(spec) or update_groups(known, spec)
    )
    return found


def test_a_fit_makes_them_once_and_the_next_not_again(made):
    one = trainer(regularizers=["l2"])
    one.fit(X, Y, epochs=2)
    one.fit(X, Y, epochs=1)
    assert len(made) == 1


def test_a_part_that_is_set_acts_from_the_next_fit_on(made):
    one = trainer(regularizers=[bp.regularizers.l2(0.1)])
    one.fit(X, Y, epochs=1)
    one.regularizers = [bp.regularizers.l2(0.0)]
    one.optimizer = bp.optimizers.adam(lr=0.5)
    one.fit(X, Y, epochs=1)
    (group,) = one._params.groups(one.spec)
    assert (group.rule.lr, group.regularizers[0].strength) == (0.5, 0.0)


def test_a_schedule_is_bound_to_each_fit(made):
    one = trainer()
    one.optimizer = bp.optimizers.adam(lr=bp.schedules.linear(initial=0.1, final=0.0))
    history = one.fit(X, Y, epochs=4)
    assert history.lr[-1] < history.lr[0]
    assert len(made) > 1


def test_a_list_that_is_changed_in_place_is_noticed():
    one = trainer(gradient_steps=[bp.gradient_steps.clip_value(1.0)])
    one.fit(X, Y, epochs=1)
    one.gradient_steps[0] = bp.gradient_steps.clip_value(2.0)
    (group,) = one._params.groups(one.spec)
    assert group.gradient_steps[0] is one.gradient_steps[0]


def test_a_copy_has_none_of_them():
    one = trainer()
    one.fit(X, Y, epochs=1)
    copy = pickle.loads(pickle.dumps(one._params))
    assert (copy.known, copy._groups) == (one._params.known, [])
    assert TrainedParameters().known == ()
