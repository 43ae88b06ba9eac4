"""Convolution and its ways back: their definition, cell by cell, in any number of axes, for several array libraries."""

from __future__ import annotations

from typing import Any

import array_api_strict
import numpy as np
import pytest

from bpframe.ops import Windows, convolve, convolve_dw, convolve_dx, host_convolution, pad, spread, window_views


def case(seed: int) -> tuple[Any, ...]:
    """(x, w, windows, groups) drawn."""
    rng = np.random.default_rng(seed)
    axes, groups, each = rng.choice([1, 2, 2, 3]), rng.choice([1, 1, 2, 3]), rng.choice([1, 2, 3])
    space, size = (tuple(map(int, rng.integers(low, high, axes))) for low, high in ((3, 8), (1, 4)))
    stride = tuple(map(int, rng.integers(1, 4, axes)))
    dilation = tuple(map(int, rng.choice([1, 1, 2], axes)))
    padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (axes, 2)))
    windows = Windows(size, stride, dilation, padding)
    if min(windows.positions(space)) < 1:
        return case(seed + 1000)
    filters = groups * rng.choice([1, 2])
    shape = int(rng.choice([1, 4])), *space, int(groups * each)
    return rng.normal(size=shape), rng.normal(size=(*size, each, filters)), windows, int(groups)


def definition(x: Any, w: Any, windows: Windows, groups: int) -> Any:
    """y, cell by cell."""
    x, positions = np.pad(x, ((0, 0), *windows.padding, (0, 0))), windows.positions(x.shape[1:-1])
    y = np.zeros((len(x), *positions, w.shape[-1]))
    each, filters = w.shape[-2], w.shape[-1] // groups
    for at in np.ndindex(*positions):
        for place in np.ndindex(*windows.size):
            steps = zip(at, windows.stride, place, windows.dilation, strict=True)
            cell = tuple(p * s + k * d for p, s, k, d in steps)
            for g in range(groups):
                mine = slice(g * filters, (g + 1) * filters)
                seen = x[(slice(None), *cell, slice(g * each, (g + 1) * each))]
                y[(slice(None), *at, mine)] += seen @ w[place][:, mine]
    return y


@pytest.mark.parametrize("piece", [200, 2**19])
@pytest.mark.parametrize("seed", range(40))
def test_convolution_is_its_definition_and_the_slopes_are_its_transposes(seed, piece, monkeypatch):
    monkeypatch.setattr(host_convolution, "BYTES", piece)
    x, w, windows, groups = case(seed)
    y = convolve(x, w, windows, groups)
    np.testing.assert_allclose(y, definition(x, w, windows, groups), rtol=1e-10, atol=1e-12)
    dy = np.random.default_rng(seed).normal(size=y.shape)
    dx, dw = convolve_dx(dy, w, windows, x.shape[1:-1], groups), convolve_dw(x, dy, windows, groups)
    other = np.random.default_rng(seed + 1).normal(size=x.shape)
    np.testing.assert_allclose((dx * other).sum(), (dy * convolve(other, w, windows, groups)).sum(), rtol=1e-9)
    other = np.random.default_rng(seed + 2).normal(size=w.shape)
    np.testing.assert_allclose((dw * other).sum(), (dy * convolve(x, other, windows, groups)).sum(), rtol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_every_array_library_computes_the_same(seed):
    jax = pytest.importorskip("jax")
    from bpframe.engine.jax import compiled_step  # noqa: F401  # brings JAX's forms

    x, w, windows, groups = case(seed)
    dy = np.random.default_rng(seed).normal(size=convolve(x, w, windows, groups).shape)
    calls: list[Any] = [
        lambda x, w, dy: convolve(x, w, windows, groups),
        lambda x, w, dy: convolve_dx(dy, w, windows, x.shape[1:-1], groups),
        lambda x, w, dy: convolve_dw(x, dy, windows, groups),
        lambda x, w, dy: spread(window_views(x, windows), windows, x.shape[1:-1]),
        lambda x, w, dy: pad(x, windows.padding, -2.5),
    ]
    for call in calls:
        want = call(x, w, dy)
        np.testing.assert_allclose(np.asarray(call(*map(array_api_strict.asarray, (x, w, dy)))), want, atol=1e-10)
        with jax.enable_x64(True):
            found = jax.jit(call)(*map(jax.numpy.asarray, (x, w, dy)))
        np.testing.assert_allclose(found, want, atol=1e-10)


@pytest.mark.parametrize("terms", [1, 3, 4, 16])
@pytest.mark.parametrize("each", [1, 2])
def test_slopes_of_depthwise_kernels_are_the_same_in_however_many_passes_jax_adds_them_up(each, terms, monkeypatch):
    jax = pytest.importorskip("jax")
    from bpframe.engine.jax import compiled_step, xla_depthwise  # noqa: F401  # the first brings JAX's forms

    monkeypatch.setattr(xla_depthwise, "TERMS", terms)
    rng, windows = np.random.default_rng(terms), Windows((3, 2), (2, 1), (1, 2), ((1, 0), (2, 1)))
    x, dy = rng.normal(size=(2, 15, 4, 3)), rng.normal(size=(2, *windows.positions((15, 4)), 3 * each))
    with jax.enable_x64(True):
        found = convolve_dw(jax.numpy.asarray(x), jax.numpy.asarray(dy), windows, 3)
    assert found.shape == (3, 2, 1, 3 * each)
    np.testing.assert_allclose(found, convolve_dw(x, dy, windows, 3), atol=1e-12)


def test_what_windows_see_of_padding_has_its_value():
    windows = Windows((2,), (2,), (1,), ((1, 1),))
    first, second = window_views(np.arange(1.0, 5.0).reshape(1, 4, 1), windows, -9.0)
    assert np.ravel(np.asarray(first)).tolist() == [-9.0, 2.0, 4.0]
    assert np.ravel(np.asarray(second)).tolist() == [1.0, 3.0, -9.0]
