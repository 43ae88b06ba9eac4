"""Every installed component keeps the laws of its kind, and the checks find what breaks them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bpframe.errors import CheckFailed
from bpframe.registry import KINDS, registry
from bpframe.testing import check, check_activation, check_loss, check_optimizer

INSTALLED = [(kind, name) for kind in KINDS for name in registry.names(kind)]


@pytest.mark.parametrize(("kind", "name"), INSTALLED, ids=[f"{kind}:{name}" for kind, name in INSTALLED])
def test_an_installed_component_keeps_the_laws_of_its_kind(kind, name):
    assert check(kind, name).run


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
