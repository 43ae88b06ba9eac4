"""More per row than a target: fields by name, missing values, weights of coupled losses."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, ndcg_score, r2_score

import bpframe as bp
from bpframe.errors import ConfigError, DataError, ShapeError

RNG = np.random.default_rng(11)
N = 48
X = RNG.normal(size=(N, 3))
TIME = np.round(RNG.exponential(np.exp(-X[:, 0])), 1)
EVENT = (RNG.uniform(size=N) < 0.7).astype(int)
SURVIVAL = {"time": TIME, "event": EVENT}
QUERY = np.array([f"q{k % 6}" for k in range(N)])
RELEVANCE = np.clip(np.round(X[:, 1] + 1.5), 0, 4)
W = RNG.uniform(0.5, 2.0, N)
TARGETS = np.where(RNG.uniform(size=(N, 2)) < 0.3, np.nan, X[:, :2] + 1)


def trainer(loss, units=1, **parts):
    network = bp.Network([bp.layers.dense(4, "tanh"), bp.layers.dense(units, bias=False)])
    return bp.Trainer(network, loss, bp.optimizers.adam(0.05), dtype="float64", seed=5, **parts)


def same(one, other, tolerance=0.0):
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=tolerance, atol=tolerance, err_msg=name)


# --------------------------------------------------------------------------------------------------------- the losses


def partial_likelihood(z, time, event, w):
    """Its negative logarithm by the definition, one event at a time."""
    total = 0.0
    for i in range(len(z)):
        if event[i]:
            risk = sum(w[j] * math.exp(z[j]) for j in range(len(z)) if time[j] >= time[i])
            total += w[i] * (math.log(risk) - z[i])
    return total / sum(w[i] * event[i] for i in range(len(z)))


@pytest.mark.parametrize("weighted", [False, True])
def test_cox_is_the_partial_likelihood_with_ties_and_weights(weighted):
    z, w = RNG.normal(size=N), W / W.mean() if weighted else np.ones(N)
    target = {"time": TIME[:, None], "event": EVENT[:, None] * 1.0}
    value, delta = bp.losses.cox().value_and_delta(z[:, None], target, W if weighted else None)
    assert value == pytest.approx(partial_likelihood(z, TIME, EVENT, w), rel=1e-12)
    for k in (0, 7, 20):
        step = np.zeros(N)
        step[k] = 1e-6
        sides = [partial_likelihood(z + s * step, TIME, EVENT, w) for s in (1, -1)]
        assert delta[k, 0] == pytest.approx((sides[0] - sides[1]) / 2e-6, abs=1e-8)


def test_cox_of_extreme_scores_and_of_no_event_is_finite():
    z = np.array([[800.0], [-800.0], [0.0]])
    for event in ([1.0, 1, 1], [0.0, 0, 0]):
        target = {"time": np.array([[3.0], [1], [2]]), "event": np.array(event)[:, None]}
        value, delta = bp.losses.cox().value_and_delta(z, target)
        assert np.isfinite(value)
        assert np.isfinite(delta).all()
    assert (value, abs(delta).max()) == (0.0, 0.0)


def test_ranknet_is_the_mean_over_pairs_of_one_query():
    z = RNG.normal(size=N)
    codes = np.unique(QUERY, return_inverse=True)[1]
    pairs = [
        (i, j) for i, j in itertools.permutations(range(N), 2) if QUERY[i] == QUERY[j] and RELEVANCE[i] > RELEVANCE[j]
    ]
    wanted = sum(W[i] * W[j] * math.log1p(math.exp(z[j] - z[i])) for i, j in pairs) / sum(W[i] * W[j] for i, j in pairs)
    target = {"relevance": RELEVANCE[:, None], "query": codes[:, None] * 1.0}
    assert bp.losses.ranknet().value_and_delta(z[:, None], target, W)[0] == pytest.approx(wanted, rel=1e-12)


def test_masked_is_the_loss_of_what_is_known():
    z = RNG.normal(size=(N, 2))
    values, delta = bp.losses.masked("mse").value_and_delta(z, TARGETS)
    known = ~np.isnan(TARGETS)
    np.testing.assert_allclose(values, [sum((z[i] - TARGETS[i])[known[i]] ** 2) / 2 for i in range(N)], rtol=1e-12)
    np.testing.assert_array_equal(delta, np.where(known, z - np.nan_to_num(TARGETS), 0.0))
    full = bp.losses.masked("huber").value_and_delta(z, z + 1)
    np.testing.assert_allclose(full[0], bp.losses.huber().value_and_delta(z, z + 1)[0], rtol=1e-12)


# -------------------------------------------------------------------------------------------------------- in training


def test_engines_agree_on_weighted_coupled_losses_of_fields():
    made = []
    for engine in ("numpy", "jax"):
        one = trainer("cox", engine=engine, metrics=["concordance"])
        one.fit(
            X, SURVIVAL, epochs=4, batch_size=16, sample_weight=W * (np.arange(N) % 5 > 0), validation=(X, SURVIVAL)
        )
        made.append(one)
    same(made[0].parameters, made[1].parameters, 1e-10)
    history = made[0].history
    assert history.validation["loss"] == pytest.approx(made[1].history.validation["loss"], rel=1e-10)
    assert history.validation["concordance"][-1] > 0.6


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"other": TIME, "event": EVENT.astype(bool), "time": TIME}),
        np.array(list(zip(EVENT > 0, TIME, strict=True)), dtype=[("event", "?"), ("time", "f8")]),
        {"time": TIME[:, None].tolist(), "event": EVENT},
    ],
    ids=["a data frame", "a structured array", "a mapping of lists"],
)
def test_fields_come_as_a_mapping_a_table_or_a_structured_array(table):
    one, other = trainer("cox"), trainer("cox")
    one.fit(X, SURVIVAL, epochs=2)
    other.fit(X, table, epochs=2)
    same(one.parameters, other.parameters)


def test_a_model_of_fields_is_saved_resumed_and_traced(tmp_path):
    y = {"relevance": RELEVANCE, "query": QUERY}

    class Cut:
        @bp.hookimpl
        def bpframe_batch_end(self, state):
            if state.step == 5:
                state.trainer.checkpoint(tmp_path / "c")
                state.stop("cut")

    whole = trainer("ranknet", metrics=["ndcg"])
    whole.fit(X, y, epochs=3, batch_size=16)
    trainer("ranknet", metrics=["ndcg"], callbacks=[Cut()]).fit(X, y, epochs=3, batch_size=16)
    again = bp.Trainer.resume(tmp_path / "c", callbacks=[])
    again.fit(X, y, epochs=3, batch_size=16)
    same(whole.parameters, again.parameters)
    assert again.history.train["ndcg"] == whole.history.train["ndcg"]
    whole.save(tmp_path / "m")
    assert bp.Trainer.load(tmp_path / "m").evaluate(X, y) == whole.evaluate(X, y)
    assert whole.trace(X, y).loss == pytest.approx(whole.evaluate(X, y)["loss"], rel=1e-12)


def test_errors_name_a_loss_of_fields_itself():
    trained = trainer("cox")
    trained.fit(X, SURVIVAL, epochs=1, verbose=0)
    with pytest.raises(DataError, match="but Cox predicts quantities"):
        trained.predict_labels(X)


def test_a_row_of_weight_0_is_as_if_it_were_not_there():
    kept = np.arange(N) % 4 > 0
    one, other = trainer("cox"), trainer("cox")
    one.fit(X, SURVIVAL, epochs=2, batch_size=N, sample_weight=kept * 1.0)
    other.fit(X[kept], {name: values[kept] for name, values in SURVIVAL.items()}, epochs=2, batch_size=N)
    same(one.parameters, other.parameters, 1e-9)


def test_ndcg_is_that_of_scikit_learn_query_by_query():
    prediction = np.round(X[:, 1:2], 1)
    codes = np.unique(QUERY, return_inverse=True)[1]
    for k in (None, 3):
        wanted = [ndcg_score([RELEVANCE[codes == c]], [prediction[codes == c, 0]], k=k) for c in range(6)]
        target = {"relevance": RELEVANCE[:, None], "query": codes[:, None]}
        got = bp.metrics.ndcg(k=k, gain="linear").value(prediction, target, np.ones(N))
        assert got == pytest.approx(np.mean(wanted), rel=1e-12)


def test_concordance_counts_the_pairs_that_can_be_told():
    risk = np.round(X[:, 0], 1)
    pairs = [(i, j) for i in range(N) for j in range(N) if EVENT[i] and TIME[i] < TIME[j]]
    right = sum(W[i] * W[j] * (1.0 if risk[i] > risk[j] else 0.5 * (risk[i] == risk[j])) for i, j in pairs)
    wanted = right / sum(W[i] * W[j] for i, j in pairs)
    target = {"time": TIME[:, None], "event": EVENT[:, None]}
    assert bp.metrics.concordance().value(risk[:, None], target, W) == pytest.approx(wanted, rel=1e-12)


# ------------------------------------------------------------------------------------------------------ missing values


def test_missing_targets_are_left_out_of_loss_and_metrics():
    one = trainer(bp.losses.masked("mse"), 2)
    one.fit(X, TARGETS, epochs=5, batch_size=16, validation=(X, TARGETS))
    measured, prediction, known = one.evaluate(X, TARGETS), one.predict(X), ~np.isnan(TARGETS)
    columns = [(TARGETS[known[:, k], k], prediction[known[:, k], k]) for k in range(2)]
    assert measured["r2"] == pytest.approx(np.mean([r2_score(*column) for column in columns]), rel=1e-12)
    assert measured["mae"] == pytest.approx(np.mean([mean_absolute_error(*column) for column in columns]), rel=1e-12)
    assert measured["loss"] == pytest.approx(np.nansum((prediction - TARGETS) ** 2) / 2 / N, rel=1e-12)
    assert one.history.validation["r2"][-1] == pytest.approx(measured["r2"], rel=1e-12)


def test_class_weights_are_of_the_labels_that_are_known():
    y = np.where(np.arange(N) < 12, np.nan, (np.arange(N) % 4 == 0) * 1.0)
    one, other = (trainer(bp.losses.masked("softmax_cross_entropy"), 2) for _ in range(2))
    one.fit(X, y, epochs=1, batch_size=N, class_weight="balanced")
    other.fit(X, y, epochs=1, batch_size=N, class_weight={0: 36 / (2 * 27), 1: 36 / (2 * 9)})
    same(one.parameters, other.parameters, 1e-12)
    assert one.task.learned["classes"] == [0, 1]


def test_targets_that_are_standardised_may_be_missing():
    one = trainer(bp.losses.masked("mse"), 2, standardize_target=True)
    one.fit(X, 1000 + TARGETS, epochs=40, batch_size=16)
    assert one.task.learned["target_scale"]["mean"] == pytest.approx(np.nanmean(1000 + TARGETS, axis=0), rel=1e-9)
    assert one.evaluate(X, 1000 + TARGETS)["mae"] < 1


def test_labels_may_be_missing_and_positions_too():
    y = np.where(np.arange(N) % 3 == 0, np.nan, (X[:, 0] > 0) * 2.0)
    one = trainer(bp.losses.masked("softmax_cross_entropy"), 3)
    one.fit(X, y, epochs=30, batch_size=16)
    known = ~np.isnan(y)
    labels = one.predict_labels(X)
    assert one.evaluate(X, y)["accuracy"] == pytest.approx((labels[known] == y[known]).mean())
    rows = X.reshape(8, 6, 3)
    places = trainer(bp.losses.masked("softmax_cross_entropy"), 3)
    places.fit(rows, y.reshape(8, 6), epochs=2, batch_size=8, shuffle=False)
    other = trainer(bp.losses.masked("softmax_cross_entropy"), 3)
    other.fit(X, y, epochs=2, batch_size=N, shuffle=False)
    same(places.parameters, other.parameters, 1e-12)


@pytest.mark.parametrize(
    ("loss", "y", "error", "message"),
    [
        ("mse", np.where(TARGETS[:, :1] > 9, 0.0, np.nan), DataError, "y needs finite numbers, got nan"),
        (bp.losses.masked("mse"), np.full(N, np.nan), DataError, "a value in every column, got NaN alone"),
        (
            bp.losses.masked("mse"),
            np.where(np.arange(N) == 3, np.inf, 1.0),
            DataError,
            "y needs finite numbers, got inf",
        ),
        ("cox", TIME, DataError, "y needs the fields 'time', 'event', as a mapping .* got ndarray"),
        ("cox", {"time": TIME}, DataError, "without 'event', got 'time'"),
        ("cox", {"time": TIME, "event": EVENT + 1}, DataError, r"y cannot be used by cox.*|cox needs 0 or 1"),
        ("cox", {"time": -TIME - 1, "event": EVENT}, DataError, "cox needs numbers of at least 0"),
        ("cox", {"time": TIME[:5], "event": EVENT}, ShapeError, r"y\['time'\] needs one entry for each row of x, 48"),
    ],
)
def test_targets_that_a_loss_cannot_use_are_refused(loss, y, error, message):
    with pytest.raises(error, match=message):
        trainer(loss).fit(X, y, epochs=1)


def test_losses_of_fields_are_refused_where_they_cannot_be():
    with pytest.raises(ShapeError, match="cox needs one score a row"):
        trainer("cox", 2).fit(X, SURVIVAL)
    with pytest.raises(ConfigError, match="masked needs a loss of one target"):
        bp.losses.masked("cox")
    with pytest.raises(DataError, match="several fields, of which none is predicted"):
        trainer("cox", metrics=["mae"]).fit(X, SURVIVAL, epochs=1)
    with pytest.raises(ConfigError, match="couples the rows of a batch, which have no weights"):
        trainer(bp.losses.dice(over="batch")).fit(X, EVENT, epochs=1, sample_weight=W)


class Rates:
    """loss = sum over outputs of (z - count / exposure)^2 / 2."""

    link = "identity"

    def target_fields(self, outputs):
        return {"count": outputs, "exposure": 1}

    def value_and_delta(self, scores, target):
        r = scores - target["count"] / target["exposure"]
        return r.__array_namespace__().sum(r * r, axis=-1) / 2, r


def test_the_kit_makes_up_fields_and_finds_a_wrong_slope():
    assert {"gradient", "engine numpy"} <= set(bp.testing.check_loss(Rates()).passed)

    class Wrong(Rates):
        """The same, with a mistake."""

        def value_and_delta(self, scores, target):
            value, delta = super().value_and_delta(scores, target)
            return value, 1.01 * delta

    with pytest.raises(bp.errors.CheckFailed, match="gradient"):
        bp.testing.check_loss(Wrong())


def test_the_kit_finds_a_loss_that_counts_rows_of_weight_0():
    class Blind:
        """loss = the mean of z^2 / 2 over all rows."""

        link = "identity"
        weighted = True

        def value_and_delta(self, scores, target, weight=None):
            xp = scores.__array_namespace__()
            return xp.mean(xp.sum(scores * scores, axis=-1)) / 2, scores / scores.shape[0]

    with pytest.raises(bp.errors.CheckFailed, match=r"weights: .* of weight 0"):
        bp.testing.check_loss(Blind())
