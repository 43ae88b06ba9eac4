"""Scores of any shape: positions of a row in Trainer, on both engines, beside the same rows one by one."""

import numpy as np
import pytest

import bpframe as bp
from bpframe.cli.predictions import render_predictions
from bpframe.errors import DataError, ShapeError

N, T, K = 24, 5, 6
RNG = np.random.default_rng(4)
IDS = RNG.integers(0, K, (N, T)).astype(float)
LABELS = ((IDS + 1) % K).astype(int)
X = RNG.normal(size=(N, T, 3))
WEIGHT = np.where(np.arange(T) < RNG.integers(1, T + 1, (N, 1)), RNG.uniform(0.5, 2.0, (N, T)), 0.0)
ENGINES = ("numpy", "jax")


def trainer(layers, loss="softmax_cross_entropy", optimizer=None, **parts):
    rule = bp.optimizers.adam(0.02) if optimizer is None else optimizer
    return bp.Trainer(bp.Network(layers), loss, rule, dtype="float64", seed=3, **parts)


def dense(units=K):
    return [bp.layers.dense(4, "tanh"), bp.layers.dense(units)]


def flat(array):
    return array.reshape(N * T, *array.shape[2:])


def same(one, other, tolerance=1e-12):
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("weighted", [False, True])
def test_positions_train_as_rows_of_their_own_do(weighted):
    weight = WEIGHT if weighted else None
    rows, places = (trainer(dense()) for _ in range(2))
    settings = {"epochs": 3, "shuffle": False, "verbose": 0}
    one = rows.fit(
        flat(X),
        LABELS.reshape(-1),
        batch_size=4 * T,
        sample_weight=None if weight is None else flat(weight),
        **settings,
    )
    other = places.fit(X, LABELS, batch_size=4, sample_weight=weight, **settings)
    same(rows.parameters, places.parameters)
    assert other.train["loss"] == pytest.approx(one.train["loss"], rel=1e-12)
    assert other.train["accuracy"] == pytest.approx(one.train["accuracy"], rel=1e-12)
    np.testing.assert_allclose(flat(places.predict(X)), rows.predict(flat(X)), rtol=1e-10)
    assert places.predict_labels(X).shape == (N, T)
    assert places.evaluate(X, LABELS, weight) == pytest.approx(
        rows.evaluate(flat(X), LABELS.reshape(-1), None if weight is None else flat(weight)), rel=1e-10
    )


@pytest.mark.parametrize(
    ("loss", "units"),
    [("mse", 2), ("gaussian_nll", 4), ("focal", K), ("crammer_singer", K), ("sigmoid_cross_entropy", 2)],
)
def test_losses_of_every_kind_of_target_take_positions(loss, units):
    y = LABELS if units == K else (RNG.normal(size=(N, T, 2)) > 0).astype(float)
    rows, places = (trainer(dense(units), loss) for _ in range(2))
    rows.fit(flat(X), y.reshape(N * T, -1) if units < K else y.reshape(-1), epochs=2, batch_size=4 * T, shuffle=False)
    places.fit(X, y, epochs=2, batch_size=4, shuffle=False)
    same(rows.parameters, places.parameters)


def test_weights_of_rows_count_at_every_position():
    w = RNG.uniform(0.5, 2, N)
    one, other = (trainer(dense()) for _ in range(2))
    one.fit(X, LABELS, epochs=2, sample_weight=w, batch_size=8)
    other.fit(X, LABELS, epochs=2, sample_weight=np.repeat(w[:, None], T, axis=1), batch_size=8)
    same(one.parameters, other.parameters)


def test_padding_counts_nothing_whatever_stands_there():
    layers = [bp.layers.embedding(K, 4), bp.layers.batch_norm(), bp.layers.dense(K)]
    results = []
    for pad, label in ((0.0, -100), (5.0, 3)):
        x, y = np.where(WEIGHT > 0, IDS, pad), np.where(WEIGHT > 0, LABELS, label)
        one = trainer(layers, regularizers=["activity"])
        history = one.fit(x, y, epochs=2, sample_weight=WEIGHT, batch_size=8, validation=(x, y, WEIGHT))
        results.append((dict(one.parameters), history))
    same(results[0][0], results[1][0])
    for name in ("loss", "accuracy", "objective"):
        assert results[0][1].train[name] == pytest.approx(results[1][1].train[name], rel=1e-12)
    assert results[0][1].validation == results[1][1].validation


def test_batch_statistics_are_those_of_the_positions_that_count():
    x = RNG.normal(3.0, 2.0, (N, T, 3))
    one = trainer([bp.layers.batch_norm(momentum=0.0), bp.layers.dense(K)])
    one.fit(x, LABELS, epochs=1, batch_size=N, sample_weight=WEIGHT)
    rows = x[WEIGHT > 0]
    np.testing.assert_allclose(one.parameters["batch_norm_1/buffers/mean"], rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(one.parameters["batch_norm_1/buffers/variance"], rows.var(axis=0, ddof=1), rtol=1e-12)


def test_engines_agree_on_positions_with_draws_statistics_and_drawn_targets():
    layers = [bp.layers.embedding(K, 4), bp.layers.dropout(0.3), bp.layers.batch_norm(), *dense()]
    made = []
    for engine in ENGINES:
        one = trainer(layers, optimizer=bp.optimizers.sophia_g(0.01, every=2), engine=engine, regularizers=["activity"])
        one.fit(IDS, LABELS, epochs=2, sample_weight=WEIGHT, class_weight="balanced", batch_size=8)
        made.append(one.parameters)
    same(*made, 1e-10)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "focal"])
def test_many_classes_are_class_numbers_in_memory_and_train_as_columns_do(name, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.integers(0, 30, 40)
    columns = trainer(dense(30), name)
    columns.fit(x, y, epochs=2)
    monkeypatch.setattr("bpframe.data.task.MANY_CLASSES", 8)
    numbers = trainer(dense(30), name)
    numbers.fit(x, y, epochs=2)
    assert numbers.task.admit(x, y)[0].target.shape == (40, 1)
    same(columns.parameters, numbers.parameters)
    metrics = [bp.metrics.log_loss(), bp.metrics.top_k(3), bp.metrics.brier()]
    columns.metrics = numbers.metrics = metrics
    assert numbers.evaluate(x, y) == pytest.approx(columns.evaluate(x, y), rel=1e-10)


@pytest.mark.parametrize(
    "layer",
    [
        bp.layers.dense(6, "glu"),
        bp.layers.dense(4, "prelu"),
        bp.layers.batch_norm(),
        bp.layers.layer_norm(),
        bp.layers.rms_norm(),
        bp.layers.dropout(0.3),
        bp.layers.residual([bp.layers.dense(5)]),
        bp.layers.parallel([bp.layers.dense(2), "dropout"]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_keep_their_laws_on_rows_of_several_axes(layer):
    assert bp.testing.check_layer(layer, in_shape=(3, 2, 5)).passed


def test_class_weights_count_unpadded_positions():
    y = np.where(WEIGHT > 0, LABELS % 2, 7)
    one, other = (trainer(dense(2)) for _ in range(2))
    one.fit(X, y, epochs=1, batch_size=8, sample_weight=(WEIGHT > 0) * 1.0, class_weight="balanced")
    counted = (LABELS % 2)[WEIGHT > 0]
    factor = len(counted) / (2 * np.bincount(counted))
    other.fit(X, LABELS % 2, epochs=1, batch_size=8, sample_weight=(WEIGHT > 0) * factor[LABELS % 2])
    same(one.parameters, other.parameters)


def test_a_model_of_positions_is_saved_and_resumed_in_the_middle(tmp_path):
    layers = [bp.layers.embedding(K, 4), *dense()]
    names = np.array([f"tag{k}" for k in range(K)])
    y = names[LABELS]
    whole = trainer(layers)
    whole.fit(IDS, y, epochs=3, batch_size=8, sample_weight=WEIGHT, verbose=0)

    def stop(state):
        if state.step == 5:
            state.trainer.checkpoint(tmp_path / "c")
            state.stop("cut")

    class Cut:
        @bp.hookimpl
        def bpframe_batch_end(self, state):
            stop(state)

    cut = trainer(layers, callbacks=[Cut()])
    cut.fit(IDS, y, epochs=3, batch_size=8, sample_weight=WEIGHT, verbose=0)
    again = bp.Trainer.resume(tmp_path / "c", callbacks=[])
    again.fit(IDS, y, epochs=3, batch_size=8, sample_weight=WEIGHT, verbose=0)
    for name, p in whole.parameters.items():
        assert np.array_equal(p, again.parameters[name]), name
    assert again.history.train == whole.history.train
    whole.save(tmp_path / "m")
    loaded = bp.Trainer.load(tmp_path / "m")
    assert np.array_equal(loaded.predict_labels(IDS), whole.predict_labels(IDS))
    assert loaded.predict_labels(IDS).dtype.kind == "U"


def test_a_trace_of_positions_has_the_loss_that_evaluate_gives():
    one = trainer(dense())
    one.fit(X, LABELS, epochs=1)
    seen = one.trace(X, LABELS, WEIGHT)
    assert seen.loss == pytest.approx(one.evaluate(X, LABELS, WEIGHT)["loss"], rel=1e-12)
    assert seen.prediction.shape == (N, T, K)
    assert seen["dense_2"].delta is None or seen["dense_2"].delta.shape == (N, T, K)


def test_heads_and_standardised_targets_have_positions_too():
    loss = bp.losses.heads(["softmax_cross_entropy", "mse"], [3, 1], names=["tag", "level"])
    one = trainer(dense(4), loss)
    one.fit(X, {"tag": LABELS % 3, "level": X.sum(axis=2)}, epochs=2, batch_size=8)
    assert one.predict_labels(X)["tag"].shape == (N, T)
    level = trainer(dense(1), "mse", standardize_target=True)
    level.fit(X, 1000 + X.sum(axis=2), epochs=30, batch_size=8)
    assert level.predict(X).shape == (N, T, 1)
    assert level.predict(X).mean() == pytest.approx(1000, abs=1)


def test_soft_labels_stay_columns():
    soft = np.eye(K)[LABELS] * 0.9 + 0.1 / K
    one = trainer(dense())
    one.fit(X, soft, epochs=1)
    assert one.evaluate(X, soft)["loss"] > 0


def test_targets_and_weights_of_another_shape_are_refused_with_what_is_needed():
    one = trainer(dense())
    with pytest.raises(ShapeError, match=r"for each position of the scores, shape \(24, 5\) .* flatten"):
        one.fit(X, LABELS[:, 0])
    with pytest.raises(ShapeError, match=r"shape \(24,\), or one a position, \(24, 5\), got \(24, 4\)"):
        one.fit(X, LABELS, sample_weight=WEIGHT[:, :4])
    with pytest.raises(DataError, match="balanced needs one class a row"):
        trainer(dense(), sampler="balanced").fit(X, LABELS)


def test_labels_of_many_scores_are_made_part_by_part(monkeypatch):
    one = trainer(dense())
    one.fit(X, LABELS, epochs=2)
    whole = one.evaluate(X, LABELS, WEIGHT)
    monkeypatch.setattr("bpframe.training.metric_values.CHUNK", 20)
    assert one.evaluate(X, LABELS, WEIGHT) == whole


def test_scores_that_are_kept_bound_the_steps_of_a_block(monkeypatch):
    monkeypatch.setattr("bpframe.engine.jax.device_batches.SCORES", 6 * T * K * 4)
    made = [trainer(dense(), engine=engine) for engine in ENGINES]
    for one in made:
        one.fit(X, LABELS, epochs=2, batch_size=4)
    assert made[1].history.train["accuracy"] == pytest.approx(made[0].history.train["accuracy"])


def test_predictions_of_positions_are_written_with_a_column_each():
    one = trainer(dense())
    one.fit(X, LABELS, epochs=1)
    header, first = render_predictions(one, X[:1], ".csv").decode().splitlines()
    assert header == "label_0,label_1,label_2,label_3,label_4"
    assert first.split(",") == one.predict_labels(X[:1])[0].astype(str).tolist()
    level = trainer(dense(1), "mse")
    level.fit(X, X[..., :1], epochs=1)
    assert render_predictions(level, X[:1], ".csv").decode().startswith("prediction_0_0,prediction_1_0,")


def test_images_have_positions_along_two_axes():
    x, y = RNG.normal(size=(10, 3, 4, 2)), RNG.integers(0, 2, (10, 3, 4))
    one = trainer(dense(1), "sigmoid_cross_entropy", metrics=["accuracy", "roc_auc"])
    one.fit(x, y, epochs=2, class_weight="balanced", validation=(x, y))
    assert one.predict_labels(x).shape == (10, 3, 4)
    assert one.history.validation["roc_auc"][-1] == pytest.approx(one.evaluate(x, y)["roc_auc"])
