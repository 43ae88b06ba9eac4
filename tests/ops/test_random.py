"""Randomness by name: the bits that plain integers give, uniform, uncorrelated, and the stream that files rely on."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from bpframe import random
from bpframe.random import HashKey

N = 1_000_000
KEY = HashKey(0x243F6A88, 0x85A308D3)
LIKE = np.zeros(N)


def lowbias32(x: int) -> int:
    """Wellons' hash of one 32-bit number."""
    x ^= x >> 16
    x = x * 2146121005 % 2**32
    x ^= x >> 15
    x = x * 2221713035 % 2**32
    return x ^ (x >> 16)


def words(key: tuple[int, int], *names: int) -> tuple[int, int]:
    """The two words of a descendant, by whole numbers."""
    for name in names:
        key = lowbias32(key[0] ^ name), lowbias32((key[1] + name) % 2**32)
    return key


def chi_squared(values: Any, bins: int) -> float:
    """The p-value of equal bins on [0, 1)."""
    counts = np.bincount((values * bins).astype(np.int64), minlength=bins)
    expected = len(values) / bins
    return float(chi2.sf(((counts - expected) ** 2 / expected).sum(), bins - 1))


# the hash, in whole numbers


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_is_the_hash_of_a_counter_in_whole_numbers(dtype):
    found = KEY.child(3).uniform(np.empty(50, dtype))
    for counter, value in enumerate(found.tolist()):
        bits = []
        for draw in (0, 1):
            a, b = words((KEY.a, KEY.b), 3, draw)
            bits.append(lowbias32(lowbias32(counter ^ a) ^ b))
        if dtype is np.float32:
            assert value == (bits[0] // 2**8) / 2**24
        else:
            assert value == ((bits[0] // 2**5) * 2**26 + bits[1] // 2**6) / 2**53


def test_a_text_is_the_number_of_its_checksum():
    assert KEY.child("dropout") == KEY.child(zlib.crc32(b"dropout"))
    assert (KEY.child("dropout").a, KEY.child("dropout").b) == words((KEY.a, KEY.b), zlib.crc32(b"dropout"))


def test_the_hash_is_the_same_for_an_array_as_for_its_numbers_and_is_invertible():
    numbers = np.array([0, 1, 2, 2**31, 2**32 - 1], dtype=np.uint32)
    assert random.scramble(numbers).tolist() == [lowbias32(int(number)) for number in numbers]
    assert random.scramble(numbers).dtype == np.uint32
    many = random.scramble(np.arange(2**18, dtype=np.uint32))
    assert len(np.unique(many)) == 2**18


# golden values: models and masks rely on this stream

GOLDEN_UNIFORM_64 = [0.9118214866681336, 0.9698960384701324, 0.589638910738814, 0.07408354467204115]
GOLDEN_UNIFORM_32 = [0.9118214845657349, 0.9698960185050964, 0.589638888835907, 0.07408350706100464]
GOLDEN_NORMAL = [-0.35464997829681094, 0.7614762414393712, -0.0772712386339805]
GOLDEN_EPOCH = (4280288541, 44288597)
GOLDEN_RAW = [13941336593269612031, 6559950848197150794]
GOLDEN_ORDER = [8, 3, 6, 9, 2, 7, 5, 4, 1, 0]


def test_the_first_values_of_the_stream_are_those_of_the_first_release():
    np.testing.assert_array_equal(KEY.child("layer").child(7).uniform(np.empty(4)), GOLDEN_UNIFORM_64)
    np.testing.assert_array_equal(
        KEY.child("layer").child(7).uniform(np.empty(4, np.float32)), np.array(GOLDEN_UNIFORM_32, np.float32)
    )
    np.testing.assert_allclose(KEY.child("noise").normal(np.empty(3)), GOLDEN_NORMAL, rtol=1e-14)


def test_the_key_of_an_epoch_is_that_of_the_first_release():
    key = random.epoch_key(42, 3)
    assert (key.a, key.b) == GOLDEN_EPOCH


def test_host_draws_are_those_of_the_first_release():
    generator = random.host_generator(42, random.INITIAL, 1)
    assert generator.bit_generator.random_raw(2).tolist() == GOLDEN_RAW
    assert random.permutation(random.host_generator(42, random.ORDER, 0), 10).tolist() == GOLDEN_ORDER


# shape, dtype, and equal names


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (4, 0, 2), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("draw", ["uniform", "normal"])
def test_draws_have_the_shape_and_dtype_of_what_they_are_like(draw, shape, dtype):
    like = np.empty(shape, dtype)
    found = getattr(KEY, draw)(like)
    assert (found.shape, found.dtype) == (shape, np.dtype(dtype))


def test_values_follow_the_flat_index_whatever_the_shape_or_strides():
    flat = KEY.uniform(np.empty(24))
    np.testing.assert_array_equal(KEY.uniform(np.empty((2, 3, 4))).ravel(), flat)
    np.testing.assert_array_equal(KEY.uniform(np.empty((4, 6)).T[::1]).ravel(), flat)
    np.testing.assert_array_equal(KEY.uniform(np.empty(10)), flat[:10])


def test_float32_has_the_leading_bits_of_float64():
    wide, narrow = KEY.uniform(np.empty(10_000)), KEY.uniform(np.empty(10_000, np.float32))
    np.testing.assert_array_equal(np.floor(wide * 2**24) / 2**24, narrow)


def test_equal_names_give_equal_bits_and_drawing_changes_no_key():
    one = KEY.child("a").child(5)
    first = one.uniform(np.empty(100))
    one.normal(np.empty(100))
    np.testing.assert_array_equal(one.uniform(np.empty(100)), first)
    np.testing.assert_array_equal(HashKey(KEY.a, KEY.b).child("a").child(5).uniform(np.empty(100)), first)
    assert one == KEY.child("a").child(5)


@pytest.mark.parametrize(
    "other",
    [
        KEY.child("b").child(5),
        KEY.child("a").child(6),
        KEY.child(5).child("a"),
        KEY.child("a"),
        KEY,
        HashKey(KEY.b, KEY.a),
    ],
    ids=["name", "number", "order", "parent", "root", "words swapped"],
)
def test_other_names_give_other_bits(other):
    assert not (KEY.child("a").child(5).uniform(np.empty(100)) == other.uniform(np.empty(100))).any()


# statistics, over a million values; bounds are five standard errors


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "key", [KEY, HashKey(0, 0), HashKey(1, 0), random.epoch_key(0, 0).child(0).child("dropout_1")], ids=str
)
def test_uniform_values_are_uniform(key, dtype):
    u = key.uniform(LIKE.astype(dtype)).astype(np.float64)
    assert 0 <= u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1
    assert abs(u.mean() - 1 / 2) < 5 * (1 / 12 / N) ** 0.5
    assert abs(u.var() - 1 / 12) < 5 * (1 / 180 / N) ** 0.5
    assert chi_squared(u, 256) > 1e-5
    assert kstest(u, "uniform").pvalue > 1e-5


def test_the_low_bits_are_uniform_too():
    u = KEY.uniform(LIKE.astype(np.float32)).astype(np.float64)
    assert chi_squared(u * 2**16 % 1, 256) > 1e-5
    wide = KEY.uniform(LIKE)
    assert chi_squared(wide * 2**45 % 1, 256) > 1e-5


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 64, 1024])
def test_neighbours_are_uncorrelated(lag):
    u = KEY.child("x").uniform(LIKE)
    assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 5 / N**0.5
    pairs = np.floor(u[:-lag] * 16) / 16 + u[lag:] / 16
    assert chi_squared(pairs, 256) > 1e-5


@pytest.mark.parametrize(
    "names",
    [range(64), [f"dropout_{k}" for k in range(64)], [2**k for k in range(32)]],
    ids=["numbers", "texts", "powers"],
)
def test_children_are_independent_of_each_other_and_of_their_parent(names):
    like = np.empty(2**14)
    draws = np.stack([KEY.uniform(like), *(KEY.child(name).uniform(like) for name in names)])
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 5.5 / 2**7
    assert abs(draws[1:, 0].mean() - 1 / 2) < 5 * (1 / 12 / len(names)) ** 0.5  # the first value of each child


def test_steps_and_layers_of_a_run_are_independent():
    like = np.empty(2**12)
    draws = np.stack(
        [
            random.epoch_key(seed, epoch).child(step).child("dropout_1").uniform(like)
            for seed in (0, 1)
            for epoch in (0, 1, 2)
            for step in range(8)
        ]
    )
    assert np.abs(np.corrcoef(draws) - np.eye(len(draws))).max() < 5.5 / 2**6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_values_are_normal(dtype):
    z = KEY.child("noise").normal(LIKE.astype(dtype)).astype(np.float64)
    assert np.isfinite(z).all()
    assert abs(z.mean()) < 5 / N**0.5
    assert abs(z.var() - 1) < 5 * (2 / N) ** 0.5
    assert abs((z**3).mean()) < 5 * (15 / N) ** 0.5
    assert abs((z**4).mean() - 3) < 5 * (96 / N) ** 0.5
    assert kstest(z, "norm").pvalue > 1e-5
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 5 / N**0.5


def test_the_statistics_notice_values_that_are_a_little_off():
    u = KEY.uniform(LIKE)
    assert chi_squared(u**1.02, 256) < 1e-5
    assert kstest(u**1.02, "uniform").pvalue < 1e-5
    sticky = np.where(KEY.child("which").uniform(LIKE) < 0.02, np.roll(u, 1), u)  # each 50th is its neighbour again
    pairs = np.floor(sticky[:-1] * 16) / 16 + sticky[1:] / 16
    assert chi_squared(pairs, 256) < 1e-5
    assert chi_squared(np.floor(u * 2**16) / 2**16 * 2**16 % 1, 256) < 1e-5  # no low bits


# the host's streams


def test_streams_and_numbers_of_one_seed_draw_apart():
    made = [
        random.host_generator(seed, stream, number).bit_generator.random_raw(4).tolist()
        for seed in (0, 1, 2**100)
        for stream in (random.INITIAL, random.SPLIT, random.ORDER)
        for number in (0, 1)
    ]
    assert len({value for values in made for value in values}) == 4 * 18
    again = random.host_generator(0, random.INITIAL).bit_generator.random_raw(4).tolist()
    assert again == made[0]


def test_epochs_and_seeds_have_keys_of_their_own():
    keys = {random.epoch_key(seed, epoch) for seed in (0, 1, 2**100) for epoch in range(100)}
    assert len(keys) == 300
    assert random.epoch_key(0, 5) in keys


@pytest.mark.parametrize("n", [1, 2, 7, 1000])
def test_a_permutation_has_every_number_once(n):
    found = random.permutation(random.host_generator(1, random.ORDER, 2), n)
    assert sorted(found.tolist()) == list(range(n))
    assert found.dtype.kind == "i"


def test_permutations_are_equally_likely():
    counts: dict[tuple[int, ...], int] = {}
    for epoch in range(6000):
        order = tuple(random.permutation(random.host_generator(0, random.ORDER, epoch), 3).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert max(abs(count - 1000) for count in counts.values()) < 5 * (1000 * 5 / 6) ** 0.5


def test_one_order_says_nothing_about_the_next():
    n = 10_000
    first, second = (random.permutation(random.host_generator(0, random.ORDER, epoch), n) for epoch in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / n**0.5
    assert (first == second).sum() < 10
