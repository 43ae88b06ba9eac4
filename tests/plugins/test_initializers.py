"""Initializers: moments, bounds, orthogonality, shapes, and where their randomness comes from."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bpframe as bp
from bpframe.errors import ConfigError, ShapeError
from bpframe.registry import build, registry
from bpframe.registry.describe import describe

SHAPE, FAN_IN, FAN_OUT = (600, 400), 30, 90  # 240,000 draws, and fans that are not the shape's own
N = math.prod(SHAPE)
SCALED = {  # name: (variance, kurtosis, end in standard deviations)
    "glorot_uniform": (2 / 120, 1.8, math.sqrt(3)),
    "glorot_normal": (2 / 120, 3.0, math.inf),
    "he_uniform": (2 / 30, 1.8, math.sqrt(3)),
    "he_normal": (2 / 30, 3.0, math.inf),
    "lecun_uniform": (1 / 30, 1.8, math.sqrt(3)),
    "lecun_normal": (1 / 30, 3.0, math.inf),
    "variance_scaling": (1 / 30, 2.36554, 2 / 0.8796256610342398),
}
SPECS = [
    *SCALED,
    "zeros",
    "ones",
    {"name": "constant", "value": 0.3},
    "normal",
    "truncated_normal",
    "uniform",
    "orthogonal",
    "identity",
]


def sample(spec, shape=SHAPE, seed=0, fans=(FAN_IN, FAN_OUT)):
    """A sample from a generator of that seed."""
    return build("initializer", spec).sample(np.random.default_rng(seed), shape, *fans)


def moments(x):
    """(mean, standard deviation, kurtosis)."""
    centred = x - x.mean()
    return x.mean(), x.std(), (centred**4).mean() / x.var() ** 2


def allowed(kurtosis):
    """Five standard errors of a sample's standard deviation, as a part of it."""
    return 5 * math.sqrt((kurtosis - 1) / (4 * N))


# --------------------------------------------------------------------------------------------------- the size of layers


@pytest.mark.parametrize("name", SCALED)
def test_the_moments_are_those_of_the_formula(name):
    variance, kurtosis, end = SCALED[name]
    mean, stddev, found = moments(sample(name))
    assert abs(mean) < 5 * math.sqrt(variance / N)
    assert stddev == pytest.approx(math.sqrt(variance), rel=allowed(kurtosis))
    assert found == pytest.approx(kurtosis, abs=5 * math.sqrt(24 / N))
    largest = np.abs(sample(name)).max() / math.sqrt(variance)
    assert largest > 4 if math.isinf(end) else end * 0.999 < largest <= end * (1 + 1e-12)


@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 30), ("fan_out", 90), ("fan_avg", 60)])
@pytest.mark.parametrize(("distribution", "kurtosis"), [("normal", 3), ("uniform", 1.8), ("truncated_normal", 2.36554)])
def test_variance_scaling_has_the_variance_asked_for_in_every_mode_and_distribution(mode, fan, distribution, kurtosis):
    x = sample({"name": "variance_scaling", "scale": 2.5, "mode": mode, "distribution": distribution})
    assert moments(x)[1] == pytest.approx(math.sqrt(2.5 / fan), rel=allowed(kurtosis))
    assert moments(x)[2] == pytest.approx(kurtosis, abs=5 * math.sqrt(24 / N))


@pytest.mark.parametrize(
    ("name", "scale", "mode", "distribution"),
    [
        ("glorot_uniform", 1.0, "fan_avg", "uniform"),
        ("glorot_normal", 1.0, "fan_avg", "normal"),
        ("he_uniform", 2.0, "fan_in", "uniform"),
        ("he_normal", 2.0, "fan_in", "normal"),
        ("lecun_uniform", 1.0, "fan_in", "uniform"),
        ("lecun_normal", 1.0, "fan_in", "normal"),
    ],
)
def test_a_named_start_is_variance_scaling_with_its_settings(name, scale, mode, distribution):
    general = {"name": "variance_scaling", "scale": scale, "mode": mode, "distribution": distribution}
    assert np.array_equal(sample(name, (5, 7)), sample(general, (5, 7)))


@pytest.mark.parametrize(("name", "gain"), [("lecun_normal", 1.0), ("he_normal", 0.5)])
def test_the_scale_of_what_passes_is_kept_level(name, gain):
    """Unit inputs through a linear layer, or half of their energy through relu."""
    x = np.random.default_rng(1).normal(size=(400, 300))
    u = x @ sample(name, (300, 200), fans=(300, 200))
    v = u if gain == 1 else np.maximum(u, 0)
    assert (v**2).mean() == pytest.approx(1.0, rel=0.03)


# -------------------------------------------------------------------------------------------------------- given moments


def test_normal_has_its_moments():
    mean, stddev, kurtosis = moments(sample({"name": "normal", "stddev": 0.2, "mean": 1.5}))
    assert mean == pytest.approx(1.5, abs=5 * 0.2 / math.sqrt(N))
    assert stddev == pytest.approx(0.2, rel=allowed(3))
    assert kurtosis == pytest.approx(3, abs=5 * math.sqrt(24 / N))


def test_truncated_normal_ends_at_two_standard_deviations_of_what_is_cut():
    x = sample({"name": "truncated_normal", "stddev": 0.2, "mean": 1.5})
    mean, stddev, kurtosis = moments(x)
    assert mean == pytest.approx(1.5, abs=5 * 0.2 / math.sqrt(N))
    assert stddev == pytest.approx(0.2 * 0.8796256610342398, rel=allowed(2.36554))
    assert kurtosis == pytest.approx(2.36554, abs=5 * math.sqrt(24 / N))
    assert 0.399 < np.abs(x - 1.5).max() <= 0.4 + 1e-15


def test_the_moments_of_a_cut_normal_follow_from_its_density():
    """An integral of its own, since Keras's number stands in the code."""
    t = np.linspace(-2, 2, 200_001)
    density = np.exp(-t * t / 2)
    second, fourth = (np.trapezoid(t**k * density, t) / np.trapezoid(density, t) for k in (2, 4))
    assert math.sqrt(second) == pytest.approx(0.879625661034239782, rel=1e-9)
    assert fourth / second**2 == pytest.approx(2.36554, rel=1e-5)


def test_uniform_has_its_ends_and_moments():
    x = sample({"name": "uniform", "low": -0.5, "high": 1.5})
    mean, stddev, kurtosis = moments(x)
    assert mean == pytest.approx(0.5, abs=5 * 0.58 / math.sqrt(N))
    assert stddev == pytest.approx(2 / math.sqrt(12), rel=allowed(1.8))
    assert kurtosis == pytest.approx(1.8, abs=0.02)
    assert -0.5 <= x.min() < -0.4999
    assert 1.4999 < x.max() < 1.5


def test_constants_are_what_they_say():
    assert np.array_equal(sample("zeros", (2, 3)), [[0, 0, 0], [0, 0, 0]])
    assert np.array_equal(sample("ones", (2, 3)), [[1, 1, 1], [1, 1, 1]])
    assert np.array_equal(sample({"name": "constant", "value": 0.3}, (2,)), [0.3, 0.3])


# ------------------------------------------------------------------------------------------------------------- matrices


@given(st.integers(0, 9), st.integers(1, 9), st.floats(0.1, 3), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_orthogonal_has_orthogonal_columns_or_rows_of_length_gain(n, m, gain, seed):
    w = sample({"name": "orthogonal", "gain": gain}, (n, m), seed)
    small = w.T @ w if n >= m else w @ w.T
    np.testing.assert_allclose(small, gain**2 * np.eye(min(n, m)), atol=1e-12 * gain**2)


def test_orthogonal_is_uniform_among_rotations():
    """Haar measure: entries of mean 0 and variance 1/n, the trace of mean 0 and variance 1; a bare Q fails this."""
    draws = [sample("orthogonal", (3, 3), seed) for seed in range(3000)]
    traces = np.trace(draws, axis1=1, axis2=2)
    assert np.abs(np.mean(draws, axis=0)).max() < 5 * math.sqrt(1 / 3 / 3000)
    assert np.var(draws, axis=0) == pytest.approx(1 / 3, abs=0.03)
    assert traces.mean() == pytest.approx(0, abs=5 / math.sqrt(3000))
    assert traces.var() == pytest.approx(1, abs=0.15)


def test_orthogonal_counts_the_axes_before_the_last_as_one():
    w = sample("orthogonal", (2, 3, 4))
    np.testing.assert_allclose(w.reshape(6, 4).T @ w.reshape(6, 4), np.eye(4), atol=1e-12)
    assert np.linalg.norm(sample({"name": "orthogonal", "gain": 2.0}, (7,))) == pytest.approx(2.0)


def test_identity_hands_its_input_on():
    x = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(x @ sample("identity", (3, 3)), x)
    assert np.array_equal(x @ sample({"name": "identity", "gain": 0.5}, (3, 2)), 0.5 * x[:, :2])
    assert np.array_equal(x @ sample("identity", (3, 4)), [[0, 1, 2, 0], [3, 4, 5, 0]])


@pytest.mark.parametrize("shape", [(), (3,), (2, 2, 2)])
def test_identity_is_for_matrices(shape):
    with pytest.raises(ShapeError, match="identity needs a matrix, got shape"):
        sample("identity", shape)


# --------------------------------------------------------------------------------------------------------- given values


@pytest.mark.parametrize(
    "values", [[[1, 2.5], [3, 4]], np.array([[1, 2.5], [3, 4]]), ((1, 2.5), (3, 4)), np.float32([[1, 2.5], [3, 4]])]
)
def test_given_values_come_back_whatever_they_were_given_as(values):
    start = bp.initializers.given(values)
    assert start == bp.initializers.given(values=((1.0, 2.5), (3.0, 4.0)))
    array = start.sample(np.random.default_rng(0), (2, 2), 2, 2)
    assert array.dtype == np.float64
    assert np.array_equal(array, [[1, 2.5], [3, 4]])
    array[0, 0] = 9.0
    assert np.array_equal(start.sample(np.random.default_rng(0), (2, 2), 2, 2), [[1, 2.5], [3, 4]])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_given_values_survive_json_and_repr_to_the_last_bit(row):
    from bpframe_initializers.given import Given

    start = bp.initializers.given([row, row])
    spec = json.loads(json.dumps(describe(registry, "initializer", start)))
    assert build("initializer", spec) == start
    assert eval(repr(start), {"Given": Given}) == start
    assert start.sample(np.random.default_rng(0), (2, len(row)), 1, 1).tobytes() == np.array([row, row]).tobytes()


@pytest.mark.parametrize(("values", "shape"), [(1.0, ()), ([], (0,)), ([1.0], (1,)), ([[[2]]], (1, 1, 1))])
def test_given_values_may_have_any_number_of_axes(values, shape):
    assert sample({"name": "given", "values": values}, shape).shape == shape


def test_given_values_of_another_shape_are_an_error():
    with pytest.raises(ShapeError, match=r"given needs values of the parameter's shape \(2, 1\), got \(1, 2\)"):
        sample({"name": "given", "values": [[1.0, 2.0]]}, (2, 1))


@pytest.mark.parametrize("values", [[[1.0], [1.0, 2.0]], [math.nan], [1.0, math.inf], "1.5", [["a"]], [None], {}])
def test_given_values_that_are_no_numbers_are_an_error(values):
    with pytest.raises(ConfigError, match="given needs finite numbers in rows of one length as values, got"):
        bp.initializers.given(values)


def test_a_network_starts_where_it_is_told_to():
    w = [[1.0, -1.0], [0.5, 2.0], [0.0, 3.0]]
    network = bp.Network([bp.layers.dense(2, weight_initializer={"name": "given", "values": w})], inputs=3)
    assert np.array_equal(network.init(0, (3,))[0]["dense_1"]["weight"], w)


# ----------------------------------------------------------------------------------------------------- shapes and draws


@pytest.mark.parametrize("shape", [(5,), (1,), (0, 3), (3, 0), (0,), (1, 1), (2, 3, 4), ()])
@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec != "identity"], ids=str)
def test_any_shape_is_filled_with_finite_float64(spec, shape):
    array = sample(spec, shape, fans=(0, 0))
    assert isinstance(array, np.ndarray)
    assert array.shape == shape
    assert array.dtype == np.float64
    assert np.isfinite(array).all()


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_draws_come_from_the_given_generator_alone(spec):
    state = np.random.get_state()
    first, second, other = (sample(spec, (6, 4), seed) for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    fixed = spec in ("zeros", "ones", "identity") or isinstance(spec, dict)
    assert np.array_equal(first, other) == fixed
    after = np.random.get_state()
    assert after[2] == state[2]
    assert np.array_equal(after[1], state[1])


@pytest.mark.parametrize("spec", ["zeros", "ones", "identity", {"name": "constant", "value": 1.0}], ids=str)
def test_a_fixed_start_draws_nothing(spec):
    rng = np.random.default_rng(3)
    build("initializer", spec).sample(rng, (4, 2), 4, 2)
    assert rng.bit_generator.state == np.random.default_rng(3).bit_generator.state


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("normal", {"stddev": -1.0}, "number of at least 0 as stddev"),
        ("truncated_normal", {"stddev": -1.0}, "number of at least 0 as stddev"),
        ("uniform", {"low": 1.0, "high": 0.0}, r"low that is not above high, got 1\.0 and 0\.0"),
        ("uniform", {"low": math.nan}, "low that is not above high"),
        ("variance_scaling", {"scale": 0.0}, "number above 0 as scale"),
        ("variance_scaling", {"mode": "fan_inn"}, "Did you mean 'fan_in'"),
        ("variance_scaling", {"distribution": "norm"}, "Did you mean 'normal'"),
    ],
)
def test_a_setting_out_of_range_is_named(name, arguments, message):
    with pytest.raises(ConfigError, match=message):
        build("initializer", {"name": name, **arguments})


def test_choices_are_checked_without_the_builder_too():
    from bpframe_initializers.variance_scaling import VarianceScaling

    with pytest.raises(ConfigError, match="one of fan_in, fan_out, fan_avg as mode, got 'fan'"):
        VarianceScaling(mode="fan")
    with pytest.raises(ConfigError, match="as distribution, got 'norm'"):
        VarianceScaling(distribution="norm")
