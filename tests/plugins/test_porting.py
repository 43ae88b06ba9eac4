"""Settings that give the numbers of Keras, PyTorch and optax, on paths, rates and losses of the real libraries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bpframe as bp
from bpframe.engine.hyperparameters import Settings
from bpframe.errors import ConfigError
from bpframe.protocols import Param
from bpframe_gradient_steps.clip_global_norm import ClipGlobalNorm
from bpframe_optimizers.adafactor import Adafactor
from bpframe_optimizers.adam import Adam
from bpframe_optimizers.adamw import Adamw
from bpframe_optimizers.ema import Ema
from bpframe_optimizers.lamb import Lamb
from bpframe_optimizers.lars import Lars
from bpframe_optimizers.momentum import Momentum
from bpframe_optimizers.muon import Muon
from bpframe_optimizers.nadam import Nadam
from bpframe_schedules.one_cycle import OneCycle
from tests.plugins.parameter_paths import follow, given, golden

PORTING = np.load(Path(__file__).parents[1] / "golden" / "porting.npz")
OPTAX = {"relative_step": 1e9, "decay": "all"}
OF_OPTAX = {"eps": 0.1, "matrices": "all", "flavor": "optax"}
PATHS = {
    "lars_optax": Lars(lr=2.0, trust_coefficient=0.01, ratio="all"),
    "lars_optax_decay": Lars(2.0, weight_decay=0.2, trust_coefficient=0.01, decay="all", ratio="all", flavor="optax"),
    "lamb_optax": Lamb(lr=0.05, weight_decay=0.1, decay="all", ratio="all"),
    "lamb_keras": Lamb(lr=0.05, weight_decay=0.0, ratio="all"),
    "lamb_keras_decay": Lamb(lr=0.05, weight_decay=0.2, decay="all", ratio="all", flavor="keras"),
    "adafactor_optax": Adafactor(lr=0.5, min_dim_size_to_factor=128, **OPTAX),
    "adafactor_optax_factored": Adafactor(lr=0.5, min_dim_size_to_factor=2, **OPTAX),
    "adafactor_keras": Adafactor(lr=0.05),
    "adamw_torch": Adamw(lr=0.05, weight_decay=0.3, decay="all"),
    "muon_keras": Muon(
        weight_decay=0.1,
        scale="match_rms_adamw",
        matrices="all",
        flavor="keras",
        others=Adamw(lr=0.02, eps=1e-7, weight_decay=0.004, decay="all", flavor="keras"),
    ),
    "muon_optax": Muon(weight_decay=0.1, others=Nadam(lr=0.02, eps=0.1, flavor="optax"), **OF_OPTAX),
    "muon_optax_plain": Muon(nesterov=False, others=Adam(lr=0.02, eps=0.1), **OF_OPTAX),
}
CHANGED = {  # the same with the setting at our default
    "lars_optax": Lars(lr=2.0, trust_coefficient=0.01),
    "lars_optax_decay": Lars(2.0, weight_decay=0.2, trust_coefficient=0.01, decay="all", ratio="all"),
    "lamb_optax": Lamb(lr=0.05, weight_decay=0.1, decay="all"),
    "lamb_keras": Lamb(lr=0.05, weight_decay=0.0),
    "lamb_keras_decay": Lamb(lr=0.05, weight_decay=0.2, decay="all", ratio="all"),
    "adafactor_optax": Adafactor(lr=0.5, min_dim_size_to_factor=128, decay="all"),
    "adafactor_optax_factored": Adafactor(lr=0.5, min_dim_size_to_factor=5, **OPTAX),
    "adamw_torch": Adamw(lr=0.05, weight_decay=0.3),
    "muon_optax": Muon(eps=0.1, weight_decay=0.1, matrices="all", others=Nadam(lr=0.02, eps=0.1, flavor="optax")),
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
    limit = 1e-7 if case.startswith(("adafactor", "muon_keras")) else 1e-10  # there some factors are in float32
    assert furthest(followed(PATHS[case])[0], path_of(case)) < limit


@pytest.mark.parametrize("case", CHANGED)
def test_without_the_setting_the_path_is_another(case):
    assert furthest(followed(CHANGED[case])[0], path_of(case)) > 1e-4


def test_an_eps_that_counts_tells_the_flavors_of_muon_apart():
    paths = [followed(Muon(eps=1.0, matrices="all", flavor=flavor))[0] for flavor in ("paper", "keras", "optax")]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert furthest(paths[one], paths[other]) > 1e-3


@pytest.mark.parametrize("library", ["torch", "keras"])
def test_the_average_of_parameters_starts_as_in_the_library(library):
    average = followed(Ema(Momentum(lr=0.1), 0.8, flavor=library))[1]
    assert furthest(average, path_of(f"ema_{library}.x")) < 1e-10
    assert furthest(followed(Ema(Momentum(lr=0.1), 0.8))[1], path_of(f"ema_{library}.x")) > 1e-3


@pytest.mark.parametrize(
    ("make", "known", "unknown"),
    [
        (lambda flavor: Ema(Momentum(), flavor=flavor), "paper, optax, torch, keras", "tensorflow"),
        (lambda flavor: Lars(flavor=flavor), "paper, optax", "keras"),
        (lambda flavor: Lamb(flavor=flavor), "paper, optax, keras", "torch"),
        (lambda flavor: Muon(flavor=flavor), "paper, torch, keras, optax", "tensorflow"),
    ],
)
def test_a_library_without_the_rule_is_no_flavor_of_it(make, known, unknown):
    assert {make(flavor).flavor for flavor in known.split(", ")} <= set(known.split(", "))
    with pytest.raises(ConfigError, match=f"needs one of {known} as flavor, got '{unknown}'"):
        make(unknown)


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


@pytest.mark.parametrize("cooldown", [0, 3])
@pytest.mark.parametrize("case", ["keras", "optax", "torch_abs", "torch_rel"])
def test_a_plateau_is_cut_when_the_library_cuts_it(case, cooldown):
    theirs = PORTING[f"plateau_{case}_{cooldown}"]
    given = {
        "patience": 3 if case.startswith("torch") else 2,  # torch's 2 lets two pass and cuts at the third
        "cooldown": max(cooldown - 1, 0) if case == "keras" else cooldown,
        "threshold_mode": "rel" if case in ("optax", "torch_rel") else "abs",
    }
    np.testing.assert_allclose(rates(**given), theirs, rtol=1e-6)
    for changed in ({"patience": 5 - given["patience"]}, {"cooldown": given["cooldown"] + 1}):
        assert rates(**{**given, **changed}) != pytest.approx(theirs, rel=1e-6)


def rates(**given):
    """The rate before each epoch of the golden curve."""
    schedule = bp.schedules.reduce_on_plateau(
        {"name": "constant", "initial": 1.0}, mode="min", factor=0.5, min_delta=0.01, **given
    )
    curve = PORTING["curve"].tolist()
    return [schedule.after(curve[:epoch]).value(0) for epoch in range(len(curve))]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_relative_threshold_is_a_part_of_the_size_of_the_best_value(sign):
    mode = "min" if sign > 0 else "max"
    schedule = bp.schedules.reduce_on_plateau(
        {"name": "constant", "initial": 1.0}, mode=mode, patience=1, factor=0.5, min_delta=0.1, threshold_mode="rel"
    )
    cuts = {8.0: [7.3, 7.1], -8.0: [-8.7, -8.9], 0.0: [0.0, -1e-9]}  # the first not better enough, the second just
    for best, (short, enough) in cuts.items():
        for value, rate in ((short, 0.5), (enough, 1.0)):
            assert schedule.after([sign * best, sign * value]).value(0) == rate


@pytest.mark.parametrize("case", range(len(PORTING["truncated"])))
def test_a_normal_cut_at_numbers_is_torchs(case):
    mean, stddev, a, b = map(float, PORTING["truncated"][case])
    initializer = bp.initializers.truncated_normal(stddev=stddev, mean=mean, a=a, b=b)
    draws = initializer.sample(np.random.default_rng(0), (1000, 1000), 0, 0)
    assert a <= draws.min()
    assert draws.max() <= b
    ours, theirs = np.quantile(draws, PORTING["quantiles"]), PORTING["truncated_torch"][case]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=0.04 * stddev)


@pytest.mark.parametrize("ends", [{"a": 5.0, "b": 6.0}, {"a": 1.0, "b": -1.0}, {"b": -3.0}, {"a": float("nan")}])
def test_ends_far_from_the_normal_are_refused(ends):
    with pytest.raises(ConfigError, match=r"truncated_normal needs at least 1% of its normal between a and b"):
        bp.initializers.truncated_normal(stddev=1.0, **ends)


# --------------------------------------------------------------------------------------------------------------- losses


def test_losses_are_those_of_the_libraries():
    z, y = PORTING["scores"], PORTING["classes"]
    one_hot = np.eye(3)[y]
    poly = bp.losses.poly1_cross_entropy(eps=2.0).value_and_delta(z, one_hot)[0]
    np.testing.assert_allclose(poly, PORTING["poly1_optax"], rtol=1e-12)
    focal = bp.losses.focal(alpha=0.25).value_and_delta(z, one_hot)[0]
    np.testing.assert_allclose(focal, PORTING["focal_keras"], rtol=1e-9)
    yes = (y > 0)[:, None].astype(float)
    for alpha, golden_name in ((None, "focal_optax"), (0.25, "focal_optax_alpha"), (0.25, "focal_keras_balanced")):
        binary = bp.losses.binary_focal(alpha=alpha).value_and_delta(z[:, :1], yes)[0]
        np.testing.assert_allclose(binary, PORTING[golden_name], rtol=1e-7)  # Keras computes it in float32
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
