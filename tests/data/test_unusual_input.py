"""Unusual but usable input gives the same bits as plain arrays and is never written to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpframe as bp
from tests.data.bad_data import LABELS, X, Y, classes, column, quantities, same

# (n,) against (n, 1)


def test_a_flat_target_and_a_column_are_the_same_and_no_square_comes_of_it():
    one, two = column(), column()
    first, second = one.fit(X, Y[:, 0], epochs=5), two.fit(X, Y[:, :1], epochs=5)
    assert same(one, two)
    assert first.train == second.train
    loss = np.mean((one.predict(X)[:, 0] - Y[:, 0]) ** 2) / 2
    assert one.evaluate(X, Y[:, 0])["loss"] == pytest.approx(loss, rel=1e-12)
    assert one.evaluate(X, Y[:, 0]) == one.evaluate(X, Y[:, :1])


# odd input that must work


@pytest.mark.parametrize("batch", [1, 32])
def test_one_row_is_enough(batch):
    for trainer, y in ((quantities(), Y[:1]), (classes(), [2]), (classes(), ["only"]), (column(), [0.5])):
        history = trainer.fit(X[:1], y, epochs=60, batch_size=batch, validation=(X[:1], y))
        assert history.train["loss"][-1] < history.train["loss"][0] or history.train["loss"] == [0.0] * 60
        assert np.isfinite(list(history.train.values())).all()
        assert trainer.predict(X[:1]).shape == (1, trainer.network.layers[-1][1].units)


@pytest.mark.parametrize("y", [[1] * 12, [7] * 12, ["all"] * 12, [True] * 12, [False] * 12, [-3] * 12], ids=str)
@pytest.mark.parametrize(
    ("loss", "outputs"), [("softmax_cross_entropy", 2), ("sigmoid_cross_entropy", 1), ("softmax_cross_entropy", 1)]
)
def test_a_single_class_is_learned_and_comes_back(y, loss, outputs):
    trainer = classes(loss, outputs, optimizer={"name": "adam", "lr": 0.1})
    history = trainer.fit(X, y, epochs=60)
    assert trainer.predict_labels(X).tolist() == y
    assert history.train["accuracy"][-1] == trainer.evaluate(X, y)["accuracy"] == 1
    assert set(trainer.predict_labels(X * 1e6).tolist()) <= {*y, 0, 1}


def test_true_alone_is_learned_as_the_probability_of_true():
    trainer = classes("sigmoid_cross_entropy", 1, optimizer={"name": "adam", "lr": 0.1})
    trainer.fit(X, [True] * 12, epochs=60)
    assert (trainer.predict(X) > 0.9).all()
    trainer.fit(X, [False] * 12, epochs=1)  # known, though the first fit had none


def test_a_label_of_the_right_range_may_appear_later_for_the_first_time():
    trainer = classes()
    trainer.fit(X, LABELS % 2, epochs=1)
    trainer.fit(X, LABELS, epochs=1)
    assert trainer.task.learned["classes"] == [0, 1, 2]


def variants() -> dict[str, Any]:
    """The same numbers, small and whole where a narrow type must hold them, in other dresses."""
    whole = np.arange(36).reshape(12, 3) % 7 - 3.0
    padded = np.zeros((24, 6))
    padded[::2, ::2] = whole
    frozen = whole.copy()
    frozen.flags.writeable = False
    return {
        "lists": whole.tolist(),
        "tuples of arrays": tuple(whole),
        "Fortran order": np.asfortranarray(whole),
        "every second row and column": padded[::2, ::2],
        "backwards": whole[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": frozen,
        "float16": whole.astype(np.float16),
        "float32": whole.astype(np.float32),
        "longdouble": whole.astype(np.longdouble),
        "int8": whole.astype(np.int8),
        "int64": whole.astype(np.int64),
        "big-endian": whole.astype(">f8"),
        "a masked array that masks nothing": np.ma.masked_array(whole),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", variants())
def test_the_dress_of_an_array_changes_no_bit_and_the_array_is_not_written_to(name, dtype):
    whole, x = np.arange(36).reshape(12, 3) % 7 - 3.0, variants()[name]
    before = np.array(x)
    y = np.asarray(x)[:, :2]
    plain, odd = quantities(dtype=dtype), quantities(dtype=dtype)
    for trainer, rows, target in ((plain, whole, whole[:, :2]), (odd, x, y)):
        trainer.fit(rows, target, epochs=3, batch_size=5, validation=(rows, target))
    assert same(plain, odd)
    assert plain.history.train == odd.history.train
    assert plain.history.validation == odd.history.validation
    np.testing.assert_array_equal(odd.predict(x), plain.predict(whole))
    assert odd.evaluate(x, y) == plain.evaluate(whole, whole[:, :2])
    assert odd.trace(x, y).loss == plain.trace(whole, whole[:, :2]).loss
    np.testing.assert_array_equal(np.array(x), before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_memory_mapped_array_works_and_its_file_stays_as_it_is(dtype, tmp_path):
    path = tmp_path / "x.bin"
    X.astype(dtype).tofile(path)
    bytes_before = path.read_bytes()
    mapped = np.memmap(path, dtype=dtype, mode="r+", shape=(12, 3))
    plain, odd = quantities(dtype=dtype), quantities(dtype=dtype)
    plain.fit(X, Y, epochs=2, batch_size=5)
    odd.fit(mapped, Y, epochs=2, batch_size=5)
    assert same(plain, odd)
    np.testing.assert_array_equal(odd.predict(mapped), plain.predict(X))
    mapped.flush()
    assert path.read_bytes() == bytes_before


def test_booleans_are_zeros_and_ones():
    plain, odd = column(), column()
    odd.fit(X > 0, Y[:, 0] > 0, epochs=2)
    plain.fit((X > 0).astype(float), (Y[:, 0] > 0).astype(float), epochs=2)
    assert same(plain, odd)


def test_weights_and_labels_may_be_lists_strided_or_read_only():
    weight = np.repeat(np.arange(1.0, 13.0), 2)[::2]
    labels = np.repeat(LABELS, 2)[::2]
    weight.flags.writeable = labels.flags.writeable = False
    plain, odd = classes(), classes()
    plain.fit(X, LABELS.copy(), epochs=2, sample_weight=list(range(1, 13)))
    odd.fit(X, labels, epochs=2, sample_weight=weight)
    assert same(plain, odd)
    listed = classes()
    listed.fit(X.tolist(), LABELS.tolist(), epochs=2, sample_weight=weight.tolist())
    assert same(plain, listed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_input_of_the_runs_own_dtype_is_written_to_or_handed_out(dtype):
    x, y, weight = X.astype(dtype), Y.astype(dtype), np.arange(1, 13).astype(dtype)
    copies = x.copy(), y.copy(), weight.copy()
    network = bp.Network([{"name": "activation", "activation": "identity"}, bp.layers.dense(2)])
    trainer = bp.Trainer(network, loss="mse", dtype=dtype, optimizer="adam")
    trainer.fit(x, y, epochs=3, batch_size=5, sample_weight=weight, validation=(x, y), shuffle=False)
    trainer.evaluate(x, y, sample_weight=weight)
    trainer.predict(x)
    trainer.trace(x, y)
    for array, original in zip((x, y, weight), copies, strict=True):
        np.testing.assert_array_equal(array, original)


def test_predictions_are_arrays_of_their_own_even_where_the_network_passes_rows_through():
    network = bp.Network([{"name": "activation", "activation": "identity"}], inputs=3)
    trainer = bp.Trainer(network, loss="mse", dtype="float64")
    x = X.copy()
    trainer.predict(x)[...] = 0
    trainer.scores(x)[...] = 0
    np.testing.assert_array_equal(x, X)


def test_changing_the_data_after_a_fit_changes_nothing_about_it():
    x, y = X.copy(), Y.copy()
    trainer, plain = quantities(), quantities()
    for one, rows, target in ((trainer, x, y), (plain, X, Y)):
        one.fit(rows, target, epochs=1)
    x[...] = y[...] = 1e9
    assert same(trainer, plain)
    trainer.fit(X, Y, epochs=1)
    plain.fit(X, Y, epochs=1)
    assert same(trainer, plain)
