"""Every bundled component trains alike on both engines: losses over 50 steps, parameters at the end."""

from __future__ import annotations

import numpy as np
import pytest

import bpframe as bp
from bpframe.registry import KINDS, registry
from bpframe.testing.laws.short_training import train_with
from bpframe.testing.suite import configs_to_check

EPOCHS = 25  # of two steps
STEEP = {"sine": 5, "avg_pool2d": 15, "max_pool2d": 15}  # epochs, after which such a training has made rounding large
COMPONENTS = [
    (kind, name)
    for kind in KINDS
    if kind not in ("engine", "callback", "source", "exporter")
    for name in registry.names(kind)
    if name not in ("cf0910", "gradient_descent")  # other names of relu6 and sgd
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* needs the same objective at each step")
@pytest.mark.parametrize(("kind", "name"), COMPONENTS, ids=[f"{kind}:{name}" for kind, name in COMPONENTS])
def test_a_component_gives_the_same_losses_on_both_engines(kind, name):
    for config in configs_to_check(bp.load(kind, name)):
        made = bp.build(kind, {"name": name, **config})
        eager, compiled = (
            train_with(engine, kind, made, STEEP.get(name, EPOCHS), "float64") for engine in ("numpy", "jax")
        )
        for curve, values in eager.history.train.items():
            np.testing.assert_allclose(compiled.history.train[curve], values, rtol=1e-10, atol=1e-12, err_msg=curve)
        for label, p in eager.parameters.items():
            scale = max(float(np.abs(p).max(initial=0.0)), 1e-3)
            np.testing.assert_allclose(compiled.parameters[label], p, atol=1e-9 * scale, rtol=1e-9, err_msg=label)
