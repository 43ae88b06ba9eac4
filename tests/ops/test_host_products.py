"""Products of matrices are NumPy's, in whatever form they are computed, and shared where they are large."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import bpframe as bp
from bpframe.ops import host_products, thread_team
from bpframe.types import HostArray

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(300, 260)), RNG.normal(size=(260, 250))  # their product is worth sharing


def assert_is_product(made: HostArray, a: HostArray, b: HostArray) -> None:
    """Two sums of k products in orders of their own: roundings of eps / 2 that add up as a random walk does."""
    assert made.dtype == a.dtype
    bound = np.sqrt(a.shape[1]) * np.finfo(a.dtype).eps * (np.abs(a).astype(float) @ np.abs(b).astype(float))
    assert (np.abs(made.astype(float) - a.astype(float) @ b.astype(float)) <= bound).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("into", [False, True], ids=["new", "out"])
@pytest.mark.parametrize("layout", ["plain", "transposed", "by columns"])
@pytest.mark.parametrize("shape", ["tall", "wide"])
def test_a_shared_product_is_the_product(size, dtype, into, layout, shape):
    a, b = (A.astype(dtype), B.astype(dtype)) if shape == "tall" else (B.T.astype(dtype), A.T.astype(dtype))
    a = {"plain": a, "transposed": np.ascontiguousarray(a.T).T, "by columns": np.asfortranarray(a)}[layout]
    out = np.full((len(a), b.shape[1]), np.nan, dtype) if into else None
    with thread_team.thread_team(size):
        made = host_products.host_matmul(a, b, out)
        again = host_products.host_matmul(a, b)
    assert out is None or made is out
    assert_is_product(made, a, b)
    assert made.tobytes() == again.tobytes()


@pytest.mark.parametrize(("a", "b", "parts"), [(A, B, {(100, 250)}), (B.T, A.T, {(250, 100)})], ids=["rows", "columns"])
def test_the_longer_side_of_a_product_is_cut(monkeypatch, a, b, parts):
    shapes: set[tuple[int, ...]] = set()
    monkeypatch.setattr(
        thread_team.ThreadTeam, "run", lambda self, jobs: shapes.update(job.args[2].shape for job in jobs)
    )
    with thread_team.thread_team(3):
        host_products.host_matmul(a, b)
    assert shapes == parts


def test_only_large_products_are_shared_and_only_by_a_team(monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(thread_team.ThreadTeam, "run", lambda self, jobs: asked.append(self.size))
    host_products.host_matmul(A, B)
    assert thread_team.current_team() is None
    with thread_team.thread_team(2):
        host_products.host_matmul(A[:10], B)
        host_products.host_matmul(A[0], B)
        assert not asked
        host_products.host_matmul(A, B)
        with thread_team.thread_team(3):
            host_products.host_matmul(A, B)
        host_products.host_matmul(A, B)
        with ThreadPoolExecutor(1) as pool:  # another thread has no team
            pool.submit(host_products.host_matmul, A, B).result()
    assert asked == [2, 3, 2]


@pytest.mark.parametrize(
    ("rows", "n", "m", "dtype", "turned"),
    [
        (32, 256, 256, np.float32, True),
        (32, 128, 256, np.float32, True),
        (8, 300, 251, np.float32, True),
        (64, 256, 256, np.float32, False),  # too many rows
        (7, 1000, 1000, np.float32, False),  # too few
        (8, 128, 256, np.float32, False),  # too few multiplications
        (32, 256, 256, np.float64, False),
    ],
)
@pytest.mark.parametrize("into", [False, True], ids=["new", "out"])
def test_a_product_with_a_large_transpose_and_few_rows_is_turned(rows, n, m, dtype, turned, into):
    a, w = RNG.normal(size=(rows, m)).astype(dtype), RNG.normal(size=(n, m)).astype(dtype)
    form = host_products._own_form(a, w.T)
    assert form is (host_products._turned_matmul if turned else np.matmul)
    assert host_products._own_form(a, np.ascontiguousarray(w.T)) is np.matmul
    out = np.full((rows, n), np.nan, dtype) if into else None
    made = host_products.host_matmul(a, w.T, out)
    assert made.flags.c_contiguous
    assert out is None or made is out
    assert_is_product(made, a, w.T)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 9), (7, 1), (20, 30), (3000, 2000), (2000, 3000), (1, 2**22 + 5)])
def test_a_product_of_a_column_and_a_row_is_exact(n, m, dtype):
    x, delta = RNG.normal(size=(1, n)).astype(dtype), RNG.normal(size=(1, m)).astype(dtype)
    assert host_products._own_form(x.T, delta) is host_products._column_times_row
    want = x.T * delta
    np.testing.assert_array_equal(host_products.host_matmul(x.T, delta), want)
    np.testing.assert_array_equal(host_products.host_matmul(x.T, delta, np.empty((n, m), dtype)), want)
    with thread_team.thread_team(3, least=0):
        np.testing.assert_array_equal(host_products.host_matmul(x.T, delta), want)


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_product_goes_into_any_array_that_numpy_fills(k, order, dtype):
    a, b = RNG.normal(size=(7, k)).astype(np.float32), RNG.normal(size=(k, 5)).astype(np.float32)
    out = np.zeros((7, 5), dtype, order)
    assert host_products.host_matmul(a, b, out) is out
    np.testing.assert_array_equal(out, (a @ b).astype(dtype))


@pytest.mark.parametrize("scripts", [True, False])
def test_recorded_steps_compute_products_in_the_same_forms(monkeypatch, scripts):
    shapes: list[tuple[int, ...]] = []
    turned = host_products._turned_matmul
    monkeypatch.setattr(
        host_products, "_turned_matmul", lambda a, b, out=None: shapes.append(a.shape) or turned(a, b, out)
    )
    x = RNG.normal(size=(64, 40)).astype(np.float32)
    layers = [bp.layers.dense(256, activation="tanh") for _ in range(2)]
    engine = {"name": "numpy", "scripts": scripts}
    trainer = bp.Trainer(bp.Network([*layers, bp.layers.dense(2)]), "softmax_cross_entropy", "sgd", engine=engine)
    trainer.fit(x, x[:, 0] > 0, epochs=5, batch_size=16, verbose=0)
    assert shapes.count((16, 256)) >= 20  # of the second layer, on the way back
