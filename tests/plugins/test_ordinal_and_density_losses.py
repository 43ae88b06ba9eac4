"""Losses of ordered classes, of densities and of embeddings, beside definitions that share no code with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

import bpframe as bp
from bpframe.errors import ConfigError, ShapeError
from bpframe.network.backprop import CostLayer

RNG = np.random.default_rng(21)
N = 60
X = RNG.normal(size=(N, 2))
GRADES = np.digitize(X[:, 0] + 0.2 * RNG.normal(size=N), [-0.7, 0.2, 0.9])  # 0 .. 3
NAMES = np.array(["low", "middle", "high", "top"])


def slope(value, z, place, h=1e-5):
    step = np.zeros_like(z)
    step[place] = h
    return (value(z + step) - value(z - step)) / (2 * h)


def expit(z):
    return 1 / (1 + np.exp(-z))


# --------------------------------------------------------------------------------------------------------- densities


def test_crps_is_the_integral_of_the_squared_distance_of_distribution_functions():
    z, y = RNG.normal(size=(6, 2)), RNG.normal(size=(6, 1))
    values, delta = bp.losses.crps_gaussian().value_and_delta(z, y)
    for (mean, s), target, value in zip(z, y[:, 0], values, strict=True):
        law = scipy.stats.norm(mean, math.exp(s / 2))
        below = scipy.integrate.quad(lambda t, law=law: law.cdf(t) ** 2, -60, target, limit=200)[0]
        above = scipy.integrate.quad(lambda t, law=law: law.sf(t) ** 2, target, 60, limit=200)[0]
        assert value == pytest.approx(below + above, abs=1e-7)
    at = lambda z: bp.losses.crps_gaussian().value_and_delta(z, y)[0].sum()  # noqa: E731
    for place in np.ndindex(z.shape):
        assert delta[place] == pytest.approx(slope(at, z, place), abs=1e-8)


def test_beta_nll_is_the_gaussian_likelihood_times_a_power_of_the_variance():
    z, y = RNG.normal(size=(7, 4)), RNG.normal(size=(7, 2))
    plain = [bp.losses.gaussian_nll().value_and_delta(z[:, [k, k + 2]], y[:, [k]]) for k in range(2)]
    values, delta = bp.losses.beta_nll(0.7).value_and_delta(z, y)
    power = np.exp(0.7 * z[:, 2:])
    np.testing.assert_allclose(values, sum(power[:, k] * plain[k][0] for k in range(2)), rtol=1e-12)
    for k in range(2):
        np.testing.assert_allclose(delta[:, [k, k + 2]], power[:, [k]] * plain[k][1], rtol=1e-12)
    same = bp.losses.beta_nll(0.0).value_and_delta(z, y)
    np.testing.assert_allclose(same[1], bp.losses.gaussian_nll().value_and_delta(z, y)[1], rtol=1e-12)


@pytest.mark.parametrize("m", [1, 2])
def test_mixture_density_is_the_likelihood_of_a_mixture(m):
    k = 3
    z, y = RNG.normal(size=(5, (2 + m) * k)), RNG.normal(size=(5, m))
    values, delta = bp.losses.mixture_density(k).value_and_delta(z, y)
    for row in range(5):
        pi, variance = np.exp(z[row, :k]) / np.exp(z[row, :k]).sum(), np.exp(z[row, k : 2 * k])
        means = z[row, 2 * k :].reshape(k, m)
        density = sum(
            p * scipy.stats.multivariate_normal(mean, v * np.eye(m)).pdf(y[row])
            for p, v, mean in zip(pi, variance, means, strict=True)
        )
        assert values[row] == pytest.approx(-math.log(density) - m * math.log(2 * math.pi) / 2, rel=1e-10)
    at = lambda z: bp.losses.mixture_density(k).value_and_delta(z, y)[0].sum()  # noqa: E731
    for place in np.ndindex(z.shape):
        assert delta[place] == pytest.approx(slope(at, z, place), abs=1e-7)


def test_a_mixture_finds_two_branches_where_one_normal_distribution_sees_their_mean():
    branch = np.where(np.arange(N) % 2 == 0, 2.0, -2.0)
    network = bp.Network([bp.layers.dense(6)])
    trainer = bp.Trainer(network, bp.losses.mixture_density(2), bp.optimizers.adam(0.05), dtype="float64", seed=1)
    trainer.fit(X, branch + 0.1 * RNG.normal(size=N), epochs=200, verbose=0)
    prediction = trainer.predict(X)
    assert np.sort(np.abs(prediction[:, 4:]).mean(axis=0)) == pytest.approx([2, 2], abs=0.2)
    assert prediction[:, :2].sum(axis=1) == pytest.approx(1)
    assert trainer.task.point(trainer.scores(X)).mean() == pytest.approx(0, abs=0.5)


def test_links_of_mixtures_and_of_corn_hand_back_their_slopes():
    for loss, width in ((bp.losses.mixture_density(2), 6), (bp.losses.corn(), 3)):
        link, u, dv = CostLayer.of(loss).link, RNG.normal(size=(4, width)), RNG.normal(size=(4, width))
        _, cache = link.forward({}, u, None)
        du = link.backward({}, cache, dv, None)[0]
        at = lambda u, link=link, dv=dv: (link.forward({}, u, None)[0] * dv).sum()  # noqa: E731
        for place in np.ndindex(u.shape):
            assert du[place] == pytest.approx(slope(at, u, place), abs=1e-8)


# ---------------------------------------------------------------------------------------------------- ordered classes


def class_probabilities(name, z):
    """P(y = 0), ..., P(y = K - 1) of one row of scores."""
    exceeds = np.cumprod(expit(z)) if name == "corn" else expit(z)
    ends = np.concatenate([[1.0], exceeds, [0.0]])
    return ends[:-1] - ends[1:]


@pytest.mark.parametrize("name", ["corn", "cumulative_link"])
def test_losses_of_ordered_classes_are_negative_log_probabilities_of_the_class(name):
    loss, z = getattr(bp.losses, name)(), np.sort(RNG.normal(size=(8, 3)), axis=1)[:, ::-1].copy()
    y = np.arange(8) % 4
    values, delta = loss.value_and_delta(z, y[:, None] * 1.0)
    probabilities = np.array([class_probabilities(name, row) for row in z])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(values, -np.log(probabilities[np.arange(8), y]), rtol=1e-10)
    at = lambda z: -sum(math.log(class_probabilities(name, row)[c]) for row, c in zip(z, y, strict=True))  # noqa: E731
    for place in np.ndindex(z.shape):
        assert delta[place] == pytest.approx(slope(at, z, place), abs=1e-7)
    exceeds = 1 - np.cumsum(probabilities, axis=1)[:, :-1]
    np.testing.assert_allclose(CostLayer.of(loss).prediction(z), exceeds, rtol=1e-9)
    assert loss.predict(z).tolist() == (exceeds > 0.5).sum(axis=1).tolist()


def test_ordered_labels_of_text_are_learned_in_the_order_that_is_given(tmp_path):
    loss = bp.losses.cumulative_link(order=NAMES.tolist())
    network = bp.Network([bp.layers.dense(1, bias=False), bp.layers.cutpoints(4)])
    trainer = bp.Trainer(network, loss, bp.optimizers.adam(0.1), dtype="float64", seed=2)
    trainer.fit(X, NAMES[GRADES], epochs=60, verbose=0)
    assert trainer.evaluate(X, NAMES[GRADES])["accuracy"] > 0.75
    assert set(trainer.predict_labels(X)) <= set(NAMES)
    assert (np.diff(trainer.predict(X), axis=1) < 0).all()
    trainer.save(tmp_path / "m")
    assert (bp.Trainer.load(tmp_path / "m").predict_labels(X) == trainer.predict_labels(X)).all()


def test_corn_learns_grades_and_takes_positions():
    trainer = bp.Trainer(bp.Network([bp.layers.dense(3)]), "corn", bp.optimizers.adam(0.1), dtype="float64", seed=2)
    trainer.fit(X.reshape(6, 10, 2), GRADES.reshape(6, 10), epochs=150, verbose=0)
    assert (trainer.predict_labels(X.reshape(6, 10, 2)).reshape(-1) == GRADES).mean() > 0.75


def test_scores_that_do_not_fall_lead_back():
    z = np.array([[-1.0, 1.0]])
    value, delta = bp.losses.cumulative_link().value_and_delta(z, np.array([[1.0]]))
    assert np.isfinite(value).all()
    assert delta[0, 0] < 0 < delta[0, 1]


# --------------------------------------------------------------------------------------------------------- embeddings


def hardest(z, label, w, margin):
    """The triplet loss by the definition, row by row."""
    total = weights = 0.0
    for i in range(len(z)):
        distance = np.sqrt(((z - z[i]) ** 2).sum(axis=1))
        near = [distance[j] for j in range(len(z)) if label[j] == label[i] and j != i and w[j] > 0]
        far = [distance[j] for j in range(len(z)) if label[j] != label[i] and w[j] > 0]
        if near and far:
            total += w[i] * max(0.0, margin + max(near) - min(far))
            weights += w[i]
    return total / weights


def test_triplet_takes_the_farthest_of_its_own_and_the_nearest_of_others():
    z, label, w = RNG.normal(size=(12, 3)), np.arange(12) % 4, np.where(np.arange(12) == 5, 0.0, RNG.uniform(1, 2, 12))
    loss = bp.losses.triplet(margin=0.5)
    value, delta = loss.value_and_delta(z, {"label": label[:, None] * 1.0}, w)
    assert value == pytest.approx(hardest(z, label, w, 0.5), rel=1e-9)
    for place in [(0, 0), (3, 1), (5, 2), (11, 0)]:
        assert delta[place] == pytest.approx(slope(lambda z: hardest(z, label, w, 0.5), z, place), abs=1e-7)


def test_triplet_brings_labels_together_with_batches_by_class():
    network = bp.Network([bp.layers.dense(8, "tanh"), bp.layers.dense(2)])
    sampler = bp.samplers.by_class(rows=4)
    trainer = bp.Trainer(network, "triplet", bp.optimizers.adam(0.02), sampler=sampler, dtype="float64", seed=3)
    labels = np.where(X[:, 0] > 0, "right", "left")
    before = trainer.fit(X, labels, epochs=1, batch_size=8, verbose=0).train["loss"][0]
    history = trainer.fit(X, {"label": labels}, epochs=60, batch_size=8, verbose=0)
    assert history.train["loss"][-1] < 0.5 * before
    z = trainer.predict(X)
    right, left = z[labels == "right"].mean(axis=0), z[labels == "left"].mean(axis=0)
    assert np.linalg.norm(right - left) > 0.5


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: bp.losses.crps_gaussian().target_width(3), ShapeError, "2 scores for each target"),
        (lambda: bp.losses.beta_nll().target_width(3), ShapeError, "2 scores for each target"),
        (lambda: bp.losses.mixture_density(3).target_width(7), ShapeError, "2 \\+ m scores for each of 3 components"),
        (lambda: bp.losses.mixture_density(1), ConfigError, "components"),
        (lambda: bp.losses.beta_nll(beta=-1.0), ConfigError, "beta"),
        (lambda: bp.losses.triplet(margin=0.0), ConfigError, "margin"),
        (lambda: bp.layers.cutpoints(3).init(RNG, (2,)), ShapeError, "rows of one number"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
