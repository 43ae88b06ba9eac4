"""Settings that give the numbers of Keras, PyTorch and optax, on paths, rates and losses of the real libraries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.hyperparameters import Settings
from bpframe.protocols import Param
from bpframe_gradient_steps.clip_global_norm import ClipGlobalNorm
from bpframe_optimizers.adafactor import Adafactor
from bpframe_optimizers.adamw import Adamw
from bpframe_optimizers.ema import Ema
from bpframe_optimizers.lamb import Lamb
from bpframe_optimizers.lars import Lars
from bpframe_optimizers.momentum import Momentum
from bpframe_optimizers.muon import Muon
from bpframe_schedules.one_cycle import OneCycle
from tests.plugins.parameter_paths import follow, given, golden

PORTING = np.load(Path(__file__).parents[1] / "golden" / "porting.npz")
OPTAX = {"relative_step": 1e9, "decay": "all"}
PATHS = {
    "lars_optax": Lars(lr=2.0, trust_coefficient=0.01, ratio="all"),
    "lamb_optax": Lamb(lr=0.05, weight_decay=0.1, decay="all", ratio="all"),
    "lamb_keras": Lamb(lr=0.05, weight_decay=0.0, ratio="all"),
    "adafactor_optax": Adafactor(lr=0.5, min_dim_size_to_factor=128, **OPTAX),
    "adafactor_optax_factored": Adafactor(lr=0.5, min_dim_size_to_factor=2, **OPTAX),
    "adafactor_keras": Adafactor(lr=0.05),
    "adamw_torch": Adamw(lr=0.05, weight_decay=0.3, decay="all"),
}
CHANGED = {  # the same with the setting at our default
    "lars_optax": Lars(lr=2.0, trust_coefficient=0.01),
    "lamb_optax": Lamb(lr=0.05, weight_decay=0.1, decay="all"),
    "lamb_keras": Lamb(lr=0.05, weight_decay=0.0),
    "adafactor_optax": Adafactor(lr=0.5, min_dim_size_to_factor=128, decay="all"),
    "adafactor_optax_factored": Adafactor(lr=0.5, min_dim_size_to_factor=5, **OPTAX),
    "adamw_torch": Adamw(lr=0.05, weight_decay=0.3),
}


def path_of(case: str) -> dict[str, np.ndarray]:
    return {name: PORTING[f"{case}/{name}"] for name in ("weight", "bias")}


def followed(rule, names=("weight", "bias")) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(the paths of parameters, those of what one predicts with), each parameter by the rule for it."""
    paths, predicting = {}, {}
    for name, p in golden("start", *names).items():
        param = Param(f"dense_2/{name}", name, "dense_2", p.shape, 4, 3, 1, 3)
        own = rule.rule_for(param) if hasattr(rule, "rule_for") else rule
        path, predicted, _ = follow(own, {name: p}, lambda q, t, name=name: {name: given(q, t)[name]}, 20)
        paths[name], predicting[name] = path[name], predicted[name]
    return paths, predicting


def furthest(ours, theirs) -> float:
    return max(float(np.max(abs(ours[name] - theirs[name]))) for name in ours)


@pytest.mark.parametrize("case", PATHS)
def test_a_setting_gives_the_path_of_the_library(case):
    limit = 1e-7 if case.startswith("adafactor") else 1e-10  # both libraries keep some of its factors in float32
    assert furthest(followed(PATHS[case])[0], path_of(case)) < limit


@pytest.mark.parametrize("case", CHANGED)
def test_without_the_setting_the_path_is_another(case):
    assert furthest(followed(CHANGED[case])[0], path_of(case)) > 1e-4


def test_muon_with_the_scale_of_adamw_is_that_of_keras():
    rule = Muon(weight_decay=0.1, scale="match_rms_adamw", eps=1e-7 * 0.05)  # Keras's velocity is longer by 1 / 0.05
    assert furthest(followed(rule, ("weight",))[0], path_of("muon_keras")) < 1e-7  # constants in float32


@pytest.mark.parametrize("library", ["torch", "keras"])
def test_the_average_of_parameters_starts_as_in_the_library(library):
    average = followed(Ema(Momentum(lr=0.1), 0.8, flavor=library))[1]
    assert furthest(average, path_of(f"ema_{library}.x")) < 1e-10
    assert furthest(followed(Ema(Momentum(lr=0.1), 0.8))[1], path_of(f"ema_{library}.x")) > 1e-3


def test_clipping_by_the_global_norm_with_torchs_eps_gives_torchs_gradients():
    for eps, close in ((1e-6, True), (0.0, False)):
        step, ours = ClipGlobalNorm(3.0, eps=eps), {"weight": [], "bias": []}
        for t in range(20):
            g = given({}, t)
            h = Settings(step, np.float64).at(t)
            h.total = {"squared_norm": sum(np.sum(a * a) for a in g.values())}
            for name, a in g.items():
                ours[name].append(step.transform(a, a, {}, h)[0])
        far = furthest({name: np.stack(path) for name, path in ours.items()}, path_of("clip_torch"))
        assert (far < 1e-12) == close


def test_one_cycle_is_torchs_with_another_start_of_the_fall():
    steps, pct_start = 100, 0.3
    mapped = OneCycle(0.1, steps, (pct_start * (steps + 1) - 1) / steps)
    ours = [mapped.value(step) for step in range(steps + 1)]
    np.testing.assert_allclose(ours, PORTING["one_cycle_torch"], rtol=1e-9, atol=1e-12)
    plain = [OneCycle(0.1, steps, pct_start).value(step) for step in range(steps + 1)]
    assert np.max(abs(np.array(plain) - PORTING["one_cycle_torch"])) > 1e-3


# --------------------------------------------------------------------------------------------------------------- losses


def test_losses_are_those_of_the_libraries():
    z, y = PORTING["scores"], PORTING["classes"]
    one_hot = np.eye(3)[y]
    poly = bp.losses.poly1_cross_entropy(eps=2.0).value_and_delta(z, one_hot)[0]
    np.testing.assert_allclose(poly, PORTING["poly1_optax"], rtol=1e-12)
    focal = bp.losses.focal(gamma=2.0).value_and_delta(z, one_hot)[0]
    np.testing.assert_allclose(0.25 * focal, PORTING["focal_keras"], rtol=1e-9)
    for library in ("keras", "torch"):
        smooth = bp.losses.softmax_cross_entropy(label_smoothing=0.2).value_and_delta(z, one_hot)[0].mean()
        assert smooth == pytest.approx(float(PORTING[f"smoothed_{library}"]), rel=1e-12)
    huber = bp.losses.huber(delta=0.5).value_and_delta(z[:, :1], z[:, 1:2])[0]
    np.testing.assert_allclose(huber, PORTING["huber_torch"], rtol=1e-12)
    np.testing.assert_allclose(huber / 0.5, PORTING["smooth_l1_torch"], rtol=1e-12)
    assert huber.mean() == pytest.approx(float(PORTING["huber_keras"]), rel=1e-7)  # Keras computes it in float32


def test_an_l2_penalty_of_twice_the_strength_is_that_of_keras():
    rule = bp.regularizers.l2(strength=0.2)
    value, _ = rule.value_and_gradient(golden("start")["weight"], Settings(rule, np.float64).at(0))
    assert float(value) == pytest.approx(float(PORTING["l2_keras"]), rel=1e-12)
