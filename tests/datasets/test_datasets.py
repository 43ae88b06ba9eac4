"""Bundled digits and seeded problems: each claim against another library or the problem's own geometry."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from bpframe import datasets
from bpframe.data.sources import handwritten
from bpframe.errors import ConfigError

FOLDER = Path(handwritten.__file__).parent
CLASSES = {"spiral": 3, "xor": 2, "moons": 2, "two_clusters": 2}
GENERATORS = {name: getattr(datasets, name) for name in [*CLASSES, "noisy_sine"]}
SEEDS = st.integers(0, 2**70)


def run_python(program: str) -> str:
    """What a fresh interpreter with the same import path prints."""
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=path)
    return done.stdout.strip()


# digits


def test_digits_equal_those_of_scikit_learn_in_values_and_order():
    x, y = datasets.digits()
    their_x, their_y = load_digits(return_X_y=True)
    np.testing.assert_array_equal(x, their_x)
    np.testing.assert_array_equal(y, their_y)


def test_digits_have_the_documented_shapes_types_and_values():
    x, y = datasets.digits()
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((1797, 64), np.float64, (1797,), np.int64)
    assert (x.min(), x.max()) == (0, 16)
    assert set(y.tolist()) == set(range(10))


def test_digits_hands_back_arrays_of_its_own_each_time():
    x, y = datasets.digits()
    x[:], y[:] = -1, -1
    assert datasets.digits()[0].min() == 0
    assert datasets.digits()[1].min() == 0


def test_the_script_that_made_the_digits_makes_them_again(tmp_path):
    spec = importlib.util.spec_from_file_location(
        "make_digits", Path(__file__).parents[1] / "golden" / "make_digits.py"
    )
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.main(tmp_path / "digits.npz")
    with np.load(tmp_path / "digits.npz") as made, np.load(FOLDER / "digits.npz") as shipped:
        assert set(made) == set(shipped) == {"x", "y"}
        for name in made:
            assert made[name].dtype == shipped[name].dtype == np.uint8
            np.testing.assert_array_equal(made[name], shipped[name])


def test_the_licence_of_the_digits_ships_beside_them_and_names_source_and_terms():
    text = (FOLDER / "LICENSE-digits.txt").read_text(encoding="utf-8")
    for fact in (
        "Optical Recognition of Handwritten Digits",
        "Alpaydin",
        "Kaynak",
        "1998",
        "10.24432/C50P49",
        "CC BY 4.0",
    ):
        assert fact in text


# what all generators share


@pytest.mark.parametrize("name", GENERATORS)
@given(points=st.integers(4, 60), seed=SEEDS)
def test_generators_give_the_documented_shapes_and_types(name, points, seed):
    x, y = GENERATORS[name](points=points, seed=seed)
    assert (x.dtype, x.shape) == (np.float64, (points, 1 if name == "noisy_sine" else 2))
    assert (y.dtype, y.shape) == (np.float64 if name == "noisy_sine" else np.int64, (points,))
    assert np.isfinite(x).all()


@pytest.mark.parametrize("name", CLASSES)
@given(points=st.integers(4, 60), seed=SEEDS)
def test_class_sizes_differ_by_at_most_one_row(name, points, seed):
    _, y = GENERATORS[name](points=points, seed=seed)
    sizes = [y.tolist().count(c) for c in range(CLASSES[name])]
    assert sum(sizes) == points
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("name", GENERATORS)
def test_the_seed_alone_decides_the_draw(name):
    first, again, other = (GENERATORS[name](points=50, noise=0.3, seed=seed) for seed in (7, 7, 8))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize("name", GENERATORS)
def test_rows_are_shuffled(name):
    x, y = GENERATORS[name](points=200, noise=0.0, seed=3)
    key = x[:, 0] if name == "noisy_sine" else y
    repeats = len(set(key.tolist()))
    assert not np.array_equal(key, np.sort(key))
    assert not np.array_equal(key, np.arange(len(y)) % repeats)


@pytest.mark.parametrize("name", GENERATORS)
def test_noise_acts_linearly_and_leaves_the_order_of_rows(name):
    sets = [GENERATORS[name](points=40, noise=noise, seed=5) for noise in (0.0, 0.5, 1.0)]
    noisy, fixed = (1, 0) if name == "noisy_sine" else (0, 1)
    for each in sets[1:]:
        np.testing.assert_array_equal(each[fixed], sets[0][fixed])
    half, full = sets[1][noisy] - sets[0][noisy], sets[2][noisy] - sets[0][noisy]
    np.testing.assert_allclose(2 * half, full, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", GENERATORS)
def test_noise_is_normal_with_the_given_standard_deviation(name):
    which = 1 if name == "noisy_sine" else 0
    clean, noisy = (GENERATORS[name](points=20_000, noise=noise, seed=11)[which] for noise in (0.0, 0.25))
    z = (noisy - clean).ravel() / 0.25
    assert abs(z.mean()) < 0.04
    assert abs(z.std() - 1) < 0.03
    assert abs((np.abs(z) < 1).mean() - 0.6827) < 0.02  # a uniform draw of the same spread has 0.577


# geometry


def test_spiral_without_noise_lies_on_arms_that_turn_once():
    x, y = datasets.spiral(points=90, noise=0.0, seed=1)
    for px, py, arm in zip(x[:, 0], x[:, 1], y, strict=True):
        r = complex(px, py)
        turns = abs(r) + arm / 3
        assert r == pytest.approx(abs(r) * np.exp(2j * np.pi * turns), abs=1e-12)
    for arm in range(3):
        radius = np.sort(np.hypot(*x[y == arm].T))
        np.testing.assert_allclose(radius, 0.1 + 0.9 * np.arange(30) / 29, atol=1e-12)


@pytest.mark.parametrize("arms", [2, 3, 5])
def test_spiral_arms_are_one_curve_turned(arms):
    x, y = datasets.spiral(points=20 * arms, noise=0.0, seed=2, arms=arms)
    assert set(y.tolist()) == set(range(arms))
    z = x[:, 0] + 1j * x[:, 1]
    first = z[y == 0]
    for arm in range(arms):
        turned = z[y == arm] * np.exp(-2j * np.pi * arm / arms)
        gaps = np.abs(turned[:, None] - first[None, :]).min(axis=1)
        assert gaps.max() < 1e-12


def test_xor_without_noise_is_the_truth_table():
    x, y = datasets.xor(points=4, noise=0.0, seed=4)
    assert {(int(a), int(b), int(c)) for (a, b), c in zip(x, y, strict=True)} == {
        (0, 0, 0),
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 0),
    }


def test_xor_uses_the_four_corners_alike():
    x, _ = datasets.xor(points=42, noise=0.0, seed=4)
    corners, counts = np.unique(x, axis=0, return_counts=True)
    assert len(corners) == 4
    assert counts.max() - counts.min() <= 1


def test_moons_without_noise_lie_on_two_half_circles():
    x, y = datasets.moons(points=101, noise=0.0, seed=6)
    upper, lower = x[y == 0], x[y == 1] - np.array([1.0, 0.5])
    for circle, side in ((upper, 1), (lower, -1)):
        np.testing.assert_allclose(np.hypot(circle[:, 0], circle[:, 1]), 1, atol=1e-12)
        assert (side * circle[:, 1] >= -1e-12).all()
        assert (circle[:, 0].min(), circle[:, 0].max()) == pytest.approx((-1, 1))


def test_moons_end_inside_each_other():
    x, y = datasets.moons(points=100, noise=0.0, seed=6)
    tip_of_lower = x[(y == 1) & (x[:, 0] < 1e-9)]
    np.testing.assert_allclose(tip_of_lower, [[0, 0.5]], atol=1e-9)  # within the unit circle that the upper one bounds


def test_two_clusters_lie_round_their_centres():
    x, y = datasets.two_clusters(points=10_000, noise=0.5, seed=9)
    np.testing.assert_allclose(x[y == 0].mean(axis=0), [-1, -1], atol=0.04)
    np.testing.assert_allclose(x[y == 1].mean(axis=0), [1, 1], atol=0.04)
    np.testing.assert_allclose(np.cov(x[y == 0].T), 0.25 * np.eye(2), atol=0.02)


def test_noisy_sine_without_noise_is_the_sine_from_minus_pi_to_pi():
    x, y = datasets.noisy_sine(points=31, noise=0.0, seed=10)
    np.testing.assert_allclose(y, np.sin(x[:, 0]), atol=1e-15)
    np.testing.assert_allclose(np.diff(np.sort(x[:, 0])), 2 * np.pi / 30, atol=1e-12)
    assert (x.min(), x.max()) == pytest.approx((-np.pi, np.pi))


# errors


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("spiral", {"points": 2}, "points of spiral needs .* at least 3, got 2"),
        ("spiral", {"points": 4, "arms": 5}, "points of spiral needs .* at least 5, got 4"),
        ("spiral", {"arms": 1}, "arms of spiral needs .* at least 2, got 1"),
        ("xor", {"points": 3}, "points of xor needs .* at least 4, got 3"),
        ("moons", {"points": 1}, "points of moons needs .* at least 2, got 1"),
        ("moons", {"points": 10.5}, "points of moons needs a whole number of at least 2, got 10.5"),
        ("two_clusters", {"points": -3}, "points of two_clusters needs .* at least 2, got -3"),
        ("noisy_sine", {"points": 0}, "points of noisy_sine needs .* at least 1, got 0"),
        ("moons", {"noise": -0.1}, "noise needs a number of at least 0, got -0.1"),
        ("xor", {"noise": float("nan")}, "noise needs a number of at least 0, got nan"),
        ("spiral", {"noise": float("inf")}, "noise needs a number of at least 0, got inf"),
        ("noisy_sine", {"noise": "loud"}, "noise needs a number of at least 0, got 'loud'"),
        ("two_clusters", {"seed": -1}, "seed needs a whole number of at least 0, got -1"),
        ("moons", {"seed": None}, "seed needs a whole number of at least 0, got None"),
    ],
)
def test_wrong_arguments_are_config_errors_that_say_what_is_needed_and_what_came(name, arguments, words):
    with pytest.raises(ConfigError, match=words):
        GENERATORS[name](**arguments)


# by name


@pytest.mark.parametrize("name", [*GENERATORS, "digits"])
def test_load_gives_what_the_function_of_that_name_gives(name):
    for a, b in zip(datasets.load(name), getattr(datasets, name)(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_load_passes_arguments_on():
    x, y = datasets.load("spiral", points=25, noise=0.1, seed=2, arms=5)
    their_x, their_y = datasets.spiral(25, 0.1, 2, 5)
    np.testing.assert_array_equal(x, their_x)
    np.testing.assert_array_equal(y, their_y)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("mons", {}, r"No data set named 'mons'. Did you mean 'moons'\? There are: digits, moons, .*xor"),
        ("faces_of_people", {}, r"No data set named 'faces_of_people'. There are"),
        (
            "moons",
            {"nois": 0.1},
            r"'moons' takes the arguments points, noise, seed, got 'nois'. Did you mean 'noise'\?",
        ),
        ("moons", {"arms": 2}, r"'moons' takes the arguments points, noise, seed, got 'arms'"),
        ("digits", {"points": 5}, "'digits' takes no arguments, got 'points'"),
    ],
)
def test_load_names_what_exists_when_a_name_is_wrong(name, arguments, words):
    with pytest.raises(ConfigError, match=words):
        datasets.load(name, **arguments)


# the package


def test_every_public_name_exists_and_is_documented():
    assert list(datasets.__all__) == sorted(datasets.__all__)
    for name in datasets.__all__:
        assert getattr(datasets, name).__doc__, name


def test_importing_bpframe_does_not_import_the_datasets():
    loaded = run_python("import sys, bpframe; print('bpframe.datasets' in sys.modules, 'bpframe' in sys.modules)")
    assert loaded == "False True"


def test_importing_the_datasets_loads_only_the_lowest_floors_and_opens_no_archive():
    program = """
import sys
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
import bpframe.datasets
data = ("bpframe.data.", "bpframe.datasets")
inside = {m for m in sys.modules if m.startswith("bpframe.") and not m.startswith(data)}
below = {"checks", "data", "errors", "lazy_names", "ops", "protocols", "random", "registry"}
below |= {"regular_files", "types", "version"}
print(sorted({m.split(".")[1] for m in inside} - {*below}), end=" ")
print([name for name in opened if name.endswith(".npz")], end=" ")
bpframe.datasets.digits()
print([name[-10:] for name in opened if name.endswith(".npz")])
"""
    assert run_python(program) == "[] [] ['digits.npz']"
