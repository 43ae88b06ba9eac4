"""Every installed component keeps the laws of its kind, and the checks find what breaks them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bpframe.cli.conformance import check_provider
from bpframe.errors import CheckFailed
from bpframe.registry import KINDS, registry
from bpframe.testing import check, check_activation, check_gradient, check_layer, check_loss, check_optimizer

INSTALLED = [(kind, name) for kind in KINDS for name in registry.names(kind) if kind != "engine"]


@pytest.mark.parametrize(("kind", "name"), INSTALLED, ids=[f"{kind}:{name}" for kind, name in INSTALLED])
def test_an_installed_component_keeps_the_laws_of_its_kind_and_trains(kind, name):
    report = check(kind, name)
    assert report.engines == (
        ("numpy",) if kind not in ("source", "exporter") else ()
    )  # which have no part in a training
    assert report.unproven == {}


def test_an_installed_engine_trains_or_says_what_to_install():
    reports = {provider.name: check_provider(provider, ["numpy"]) for provider in registry.providers("engine")}
    assert reports["numpy"].passed
    assert "loading" in reports["jax"].skipped  # it is not among the engines to try, or not installed


@pytest.mark.slow
def test_engine_jax_keeps_the_laws_of_engines():
    assert not check("engine", "jax").skipped


@dataclass(frozen=True)
class Tanh:
    """tanh, with a fault."""

    fault: str

    def value(self, u):
        if self.fault == "purity" and u.size:
            u[0] = u[0] + 0
        noise = np.random.random() * 1e-9 if self.fault == "determinism" else 0
        return (np.tanh(u) + u.dtype.type(noise)).astype(np.float64 if self.fault == "dtype" else u.dtype)

    def derivative(self, v):
        return (1 - v * v) * (1.001 if self.fault == "gradient" else 1)


@pytest.mark.parametrize("fault", ["gradient", "purity", "determinism", "dtype"])
def test_a_broken_activation_is_caught_by_the_check_that_should(fault):
    with pytest.raises(CheckFailed, match=f"\n  {fault}:"):
        check_activation(Tanh(fault))


@dataclass(frozen=True)
class Squared:
    """Half the squared error, with a fault."""

    fault: str
    link = "identity"

    def value_and_delta(self, scores, target):
        r = scores - target
        if self.fault == "gradient":
            return (r * r).sum(axis=-1) / 2, r / len(r)
        if self.fault == "rows":
            return (r * r).sum(axis=-1) / 2 + r.mean() ** 2 * 0, r + 1e-3 * r.mean()
        return np.full_like(r, 0.5) * r * r, r


@pytest.mark.parametrize("fault", ["gradient", "rows", "shape"])
def test_a_broken_loss_is_caught_by_the_check_that_should(fault):
    with pytest.raises(CheckFailed, match=f"\n  {fault}:"):
        check_loss(Squared(fault))


@dataclass(frozen=True)
class Descent:
    """Gradient descent, with a fault."""

    fault: str
    lr: float = 0.01
    scope = "element"

    def init(self, p):
        return {"m": np.zeros_like(p)}

    def update(self, p, g, state, h):
        if self.fault == "slices":
            g = g - (g.mean() if g.size else 0)
        if self.fault == "purity":
            state["m"] += g
        step = h.lr * g * (1.001 if self.fault == "reference" else 1)
        return p - step - (1e-3 * g if self.fault == "lr 0" else 0), {"m": state["m"]}

    def reference(self, p, gradients):
        for g in gradients:
            p = p - self.lr * g
            yield p


@pytest.mark.parametrize("fault", ["slices", "purity", "reference", "lr 0"])
def test_a_broken_optimizer_is_caught_by_the_check_that_should(fault):
    with pytest.raises(CheckFailed, match=f"\n  {fault}:"):
        check_optimizer(Descent(fault))


@dataclass(frozen=True)
class Affine:
    """y = tanh(x w + b), with a fault."""

    fault: str = ""

    def init(self, rng, in_shape):
        source = np.random if self.fault == "init" else rng
        return {"weight": source.normal(size=(in_shape[0], 3)), "bias": np.zeros(3)}, (3,)

    def forward(self, params, x, context):
        if self.fault == "purity":
            x -= 0
        y = np.tanh(x @ params["weight"] + params["bias"])
        return (y.astype(np.float64) if self.fault == "dtype" else y), (x, y)

    def backward(self, params, cache, dy, context):
        x, y = cache
        delta = dy if self.fault == "gradient of x" else dy * (1 - y * y)
        if self.fault == "linearity":
            delta = delta + 1e-3 * abs(dy)
        bias = delta.mean(axis=0) if self.fault == "gradient of parameters" else delta.sum(axis=0)
        weight = x.T @ delta
        if self.fault == "additivity":
            weight = weight * len(x)
        if self.fault == "need_dx" and not context.need_dx:
            weight = weight * 0
        dx = delta @ params["weight"].T if context.need_dx else None
        return dx, {"weight": weight, "bias": bias}


@dataclass(frozen=True)
class Jittery(Affine):
    """Affine with noise from NumPy's global generator."""

    def forward(self, params, x, context):
        y, cache = super().forward(params, x, context)
        return y + y.dtype.type(1e-12 * np.random.random()), cache


@dataclass(frozen=True)
class Remembering(Affine):
    """Affine that keeps its input on itself."""

    def forward(self, params, x, context):
        object.__setattr__(self, "x", x.copy())
        return super().forward(params, x, context)


LAYER_FAULTS = (
    "init",
    "gradient of x",
    "gradient of parameters",
    "linearity",
    "additivity",
    "need_dx",
    "dtype",
    "purity",
)


@pytest.mark.parametrize("fault", LAYER_FAULTS)
def test_a_broken_layer_is_caught_by_the_check_that_should(fault):
    with pytest.raises(CheckFailed, match=f"\n  {fault}:"):
        check_layer(Affine(fault))


@pytest.mark.parametrize("layer", [Jittery(), Remembering()])
def test_a_layer_that_draws_or_remembers_is_caught_as_not_deterministic(layer):
    with pytest.raises(CheckFailed, match="\n  determinism:"):
        check_layer(layer)


def test_the_same_layer_without_a_fault_passes():
    report = check_layer(Affine())
    assert set(LAYER_FAULTS) < set(report.passed)
    assert not report.failed


class DiagonalSoftmax:
    """softmax whose way back keeps the diagonal of its Jacobian only."""

    def init(self, rng, in_shape):
        return {}, in_shape

    def forward(self, params, x, context):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        y = e / e.sum(axis=-1, keepdims=True)
        return y, y

    def backward(self, params, cache, dy, context):
        return dy * cache * (1 - cache), {}


def test_a_softmax_with_the_diagonal_of_its_jacobian_is_caught():
    with pytest.raises(CheckFailed, match="\n  gradient of x:"):
        check_activation(DiagonalSoftmax())


class Overflowing:
    """Softmax cross-entropy as it is written in textbooks: exp overflows at large scores."""

    link = "softmax"

    def value_and_delta(self, scores, target):
        e = np.exp(scores)
        p = e / e.sum(axis=1, keepdims=True)
        return -(target * np.log(p)).sum(axis=1), p - target


def test_a_loss_that_overflows_is_caught_at_large_scores():
    with pytest.raises(CheckFailed, match="\n  extremes:"):
        check_loss(Overflowing())


@dataclass(frozen=True)
class Uncorrected:
    """adam without the correction of its start."""

    lr: float = 0.001
    scope = "element"

    def init(self, p):
        return {"m": np.zeros_like(p), "v": np.zeros_like(p)}

    def update(self, p, g, state, h):
        m, v = 0.9 * state["m"] + 0.1 * g, 0.999 * state["v"] + 0.001 * g * g
        return p - h.lr * m / (np.sqrt(v) + 1e-8), {"m": m.astype(p.dtype), "v": v.astype(p.dtype)}


def test_adam_without_bias_correction_is_caught_by_the_reference_of_adam():
    with pytest.raises(CheckFailed, match="\n  reference:"):
        check_optimizer(Uncorrected(), reference=registry.load("optimizer", "adam")().reference)


@pytest.mark.parametrize("error", [1e-3, -1e-3])
def test_a_gradient_that_is_off_by_a_thousandth_is_refused_and_the_right_one_taken(error):
    x = np.random.default_rng(0).normal(size=(3, 2))
    assert check_gradient(lambda w: np.sum(w**3), lambda w: 3 * w**2, x).passed == ("directions", "coordinates")
    with pytest.raises(CheckFailed):
        check_gradient(lambda w: np.sum(w**3), lambda w: 3 * (1 + error) * w**2, x)
