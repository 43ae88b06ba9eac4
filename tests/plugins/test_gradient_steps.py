"""Gradient steps: clipping, decay and accumulation by their formulas, beside optax, and where nothing may happen."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpframe.engine.hyperparameters import Settings
from bpframe.errors import ConfigError
from bpframe.protocols import Adjust, Applies, Param, Periodic, Totals
from bpframe.testing.laws.comparison import arrays_in, require_same_bits
from bpframe.testing.laws.purity import make_read_only
from bpframe_gradient_steps.accumulate import Accumulate
from bpframe_gradient_steps.adaptive_clip import AdaptiveClip
from bpframe_gradient_steps.clip_global_norm import ClipGlobalNorm
from bpframe_gradient_steps.clip_norm import ClipNorm
from bpframe_gradient_steps.clip_value import ClipValue
from bpframe_gradient_steps.decoupled_weight_decay import DecoupledWeightDecay
from bpframe_gradient_steps.weight_decay import WeightDecay
from bpframe_optimizers.adam import Adam
from bpframe_optimizers.adamw import Adamw
from bpframe_optimizers.ema import Ema
from bpframe_optimizers.lookahead import Lookahead
from bpframe_optimizers.sgd import Sgd

GOLDEN = dict(np.load(Path(__file__).parents[1] / "golden" / "array_optimizers.npz"))
STEPS = {
    "accumulate": Accumulate(3),
    "adaptive_clip": AdaptiveClip(),
    "clip_global_norm": ClipGlobalNorm(),
    "clip_norm": ClipNorm(),
    "clip_value": ClipValue(),
    "decoupled_weight_decay": DecoupledWeightDecay(),
    "weight_decay": WeightDecay(),
}


def transform(step: Any, pieces: list[tuple[Any, Any]], weight: float = 32.0) -> list[Any]:
    """The gradient of each piece (p, g) of a model after its first step, everything read-only."""
    dtype = pieces[0][0].dtype
    settings = Settings(step, dtype.type)
    h, states = settings.at(0), [step.init(p) for p, _ in pieces]
    settings.note(weight=dtype.type(weight))
    make_read_only([pieces, states])
    if isinstance(step, Totals):
        parts = [step.totals(p, g, state, h) for (p, g), state in zip(pieces, states, strict=True)]
        h.total = {name: sum(part[name] for part in parts) for name in parts[0]}
    return [step.transform(p, g, state, h)[0] for (p, g), state in zip(pieces, states, strict=True)]


@pytest.fixture
def model(rng: np.random.Generator) -> list[tuple[Any, Any]]:
    """(p, g) of a weight and a bias."""
    return [(rng.normal(size=shape), 3 * rng.normal(size=shape)) for shape in ((4, 3), (3,))]


@pytest.mark.parametrize(
    ("case", "step"),
    [("clip_global_norm", ClipGlobalNorm(3.0)), ("clip_value", ClipValue(0.5)), ("adaptive_clip", AdaptiveClip(0.3))],
)
def test_clipped_gradients_are_those_of_optax(case, step):
    names = ("weight", "bias")
    for t in range(20):
        got = transform(
            step, [(GOLDEN[f"start/{name}"].copy(), GOLDEN[f"gradients/{name}"][t].copy()) for name in names]
        )
        for name, g in zip(names, got, strict=True):
            np.testing.assert_allclose(g, GOLDEN[f"{case}/{name}"][t], rtol=1e-12, atol=1e-12)


def test_clip_value_bounds_each_number(model):
    for (_, g), clipped in zip(model, transform(ClipValue(0.7), model), strict=True):
        want = [max(-0.7, min(0.7, x)) for x in g.ravel().tolist()]
        assert clipped.ravel().tolist() == want


def test_clip_norm_shortens_each_gradient_by_itself(model):
    for (_, g), clipped in zip(model, transform(ClipNorm(2.0), model), strict=True):
        length = math.sqrt(math.fsum(x * x for x in g.ravel()))
        np.testing.assert_allclose(clipped, g * min(1, 2 / length), rtol=1e-14)
        assert np.linalg.norm(clipped) <= 2 * (1 + 1e-15)


def test_clip_global_norm_shortens_all_gradients_by_one_factor(model):
    length = math.sqrt(math.fsum(x * x for _, g in model for x in g.ravel()))
    for (_, g), clipped in zip(model, transform(ClipGlobalNorm(2.0), model), strict=True):
        np.testing.assert_allclose(clipped, g * 2 / length, rtol=1e-14)


def test_clip_global_norm_gives_the_same_bits_for_any_cut_given_the_same_totals(model):
    step, (p, g) = ClipGlobalNorm(2.0), model[0]
    h = Settings(step, np.float64).at(0)
    h.total = {"squared_norm": np.sum(g * g)}
    flat = g.ravel()
    parts = [step.transform(p, flat[cut], {}, h)[0] for cut in (slice(0, 1), slice(1, 1), slice(1, None))]
    require_same_bits("gradient", np.concatenate(parts), step.transform(p, flat, {}, h)[0])


def test_adaptive_clip_shortens_the_units_whose_gradient_is_long_for_their_weights():
    p = np.array([[3.0, 0.0, 0.0], [4.0, 0.0, 10.0]])  # columns of length 5, 0, 10
    g = np.array([[0.0, 0.0, 0.03], [2.0, 5e-5, 0.04]])  # of length 2, 5e-5, 0.05
    ((clipped),) = transform(AdaptiveClip(limit=0.01, eps=1e-3), [(p, g)])
    want = [[0.0, 0.0, 0.03], [0.05, 1e-5, 0.04]]  # at most 0.05, 1e-5 and 0.1 long
    np.testing.assert_allclose(clipped, want, rtol=1e-14)


def test_adaptive_clip_takes_a_vector_as_one_unit():
    ((clipped),) = transform(AdaptiveClip(0.1), [(np.array([3.0, 4.0]), np.array([6.0, 8.0]))])
    np.testing.assert_allclose(clipped, [0.3, 0.4], rtol=1e-14)


@pytest.mark.parametrize("name", ["adaptive_clip", "clip_global_norm", "clip_norm", "clip_value"])
def test_gradients_within_the_limit_keep_their_bits(name, model):
    short = [(p, 1e-3 * g / 3) for p, g in model]
    require_same_bits("gradients", transform(STEPS[name], short), [g for _, g in short])


@pytest.mark.parametrize("name", ["adaptive_clip", "clip_global_norm", "clip_norm", "clip_value"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_of_0_stay_0_and_huge_ones_come_back_finite(name, dtype):
    zeros = [(np.zeros(shape, dtype), np.zeros(shape, dtype)) for shape in ((4, 3), (3,))]
    require_same_bits("gradients", transform(STEPS[name], zeros), [g for _, g in zeros])
    for size in (1e15, 1e-30):
        got = transform(STEPS[name], [(p, g + dtype(size)) for p, g in zeros])
        assert all(np.isfinite(g).all() and np.max(np.abs(g)) <= 1 for g in got)


def test_weight_decay_adds_the_gradient_of_half_the_squared_norm(model):
    for (p, g), decayed in zip(model, transform(WeightDecay(0.3), model), strict=True):
        eps = 1e-6
        for i in range(p.size):
            step = np.zeros(p.size)
            step[i] = eps
            penalty = [0.15 * np.sum((p.ravel() + sign * step) ** 2) for sign in (1, -1)]
            assert (decayed - g).ravel()[i] == pytest.approx((penalty[0] - penalty[1]) / 2 / eps, rel=1e-6)


def test_decoupled_weight_decay_before_adam_is_adamw(rng):
    decay, adam, adamw = DecoupledWeightDecay(0.1), Adam(lr=0.05), Adamw(lr=0.05, weight_decay=0.1)
    settings = {rule: Settings(rule, np.float64) for rule in (decay, adam, adamw)}
    p = q = rng.normal(size=6)
    state, other = adam.init(p), adamw.init(q)
    for t in range(8):
        g = rng.normal(size=6)
        h = settings[decay].at(t)
        h.rule = settings[adam].at(t)
        require_same_bits("gradient", decay.transform(p, g, {}, h)[0], g)
        p, state = adam.update(decay.adjust(p, h), g, state, settings[adam].at(t))
        q, other = adamw.update(q, g, other, settings[adamw].at(t))
        np.testing.assert_allclose(p, q, rtol=1e-13)


def test_decoupled_weight_decay_finds_the_rate_of_a_rule_inside_others():
    step, p = DecoupledWeightDecay(0.1), np.ones(3)
    h = Settings(step, np.float64).at(0)
    h.rule = Settings(Ema(Lookahead(Sgd(lr=0.5))), np.float64).at(0)
    np.testing.assert_allclose(step.adjust(p, h), 0.95 * p, rtol=1e-15)


def named(name: str) -> Param:
    """The parameter of that name."""
    layer, role = name.split("/")
    return Param(name, role, layer, (3,), 3, 3, 0, 2)


@pytest.mark.parametrize("make", [WeightDecay, DecoupledWeightDecay])
@pytest.mark.parametrize(
    ("roles", "match", "chosen"),
    [
        (("weight",), (), ["dense_1/weight", "out/weight"]),
        ((), (), ["dense_1/weight", "dense_1/bias", "norm/scale", "out/weight"]),
        (("bias", "scale"), (), ["dense_1/bias", "norm/scale"]),
        ((), ("dense_*",), ["dense_1/weight", "dense_1/bias"]),
        (("weight",), ("dense_?/*", "norm/*"), ["dense_1/weight"]),
        (("weight",), ("Dense*",), []),
    ],
)
def test_decay_acts_on_the_roles_and_names_that_were_chosen(make, roles, match, chosen):
    step = make(0.1, roles=roles, match=match)
    names = ["dense_1/weight", "dense_1/bias", "norm/scale", "out/weight"]
    assert [name for name in names if step.applies(named(name))] == chosen


def accumulate(steps: int, batches: list[tuple[Any, float]]) -> list[Any]:
    """What comes out after each batch (g, weight)."""
    step = Accumulate(steps)
    settings, state, out = Settings(step, np.float64), step.init(batches[0][0]), []
    for t, (g, weight) in enumerate(batches):
        h = settings.at(t)
        settings.note(weight=np.float64(weight))
        g, state = step.transform(np.ones_like(g), make_read_only(g), make_read_only(state), h)
        out.append(g)
    return out


def test_accumulate_gives_the_gradient_of_one_batch_of_all_rows(rng):
    rows, weights = rng.normal(size=(21, 4)), rng.uniform(0.5, 2, 21)
    cuts = [slice(0, 5), slice(5, 12), slice(12, 13), slice(13, 16), slice(16, 18), slice(18, 21)]
    batches = [(np.average(rows[cut], axis=0, weights=weights[cut]), weights[cut].sum()) for cut in cuts]
    out = accumulate(3, batches)
    for t, cut in enumerate([slice(0, 5), slice(0, 12), slice(0, 13), slice(13, 16), slice(13, 18), slice(13, 21)]):
        np.testing.assert_allclose(out[t], np.average(rows[cut], axis=0, weights=weights[cut]), rtol=1e-13)


def test_accumulate_over_one_batch_changes_no_bit(rng):
    batches = [(rng.normal(size=4), 7.0) for _ in range(4)]
    require_same_bits("gradients", accumulate(1, batches), [g for g, _ in batches])


def test_accumulate_starts_anew_whatever_the_round_before_held():
    out = accumulate(2, [(np.array([x]), 1.0) for x in (np.nan, 1.0, 2.0, 4.0)])
    assert np.isnan(out[1])
    assert out[2] == 2
    assert out[3] == 3


def test_accumulate_leaves_out_a_batch_without_weight():
    out = accumulate(3, [(np.zeros(2), 0.0), (np.array([1.0, 2.0]), 5.0), (np.zeros(2), 0.0)])
    np.testing.assert_array_equal(out, [[0, 0], [1, 2], [1, 2]])


def test_capabilities_are_those_of_the_protocols():
    assert isinstance(STEPS["accumulate"], Periodic)
    assert Accumulate(5).period == 5
    assert [name for name, step in STEPS.items() if isinstance(step, Totals)] == ["clip_global_norm"]
    assert [name for name, step in STEPS.items() if isinstance(step, Adjust)] == ["decoupled_weight_decay"]
    assert [name for name, step in STEPS.items() if isinstance(step, Applies)] == [
        "decoupled_weight_decay",
        "weight_decay",
    ]
    assert {name for name, step in STEPS.items() if step.scope == "array"} == {"adaptive_clip", "clip_norm"}


@pytest.mark.parametrize("name", STEPS)
def test_float32_stays_float32(name, rng):
    step, p = STEPS[name], rng.normal(size=(4, 3)).astype(np.float32)
    settings = Settings(step, np.float32)
    h = settings.at(0)
    settings.note(weight=np.float32(3), rule=Settings(Sgd(), np.float32).at(0))
    if isinstance(step, Totals):
        h.total = step.totals(p, 2 * p, {}, h)
    g, state = step.transform(p, 2 * p, step.init(p), h)
    arrays = [g, *(a for _, a in arrays_in(state, "")), step.adjust(p, h) if isinstance(step, Adjust) else p]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_rebuilt_from_its_repr(name):
    assert eval(repr(STEPS[name])) == STEPS[name]


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (Accumulate, {"steps": 0}),
        (Accumulate, {"steps": 2.5}),
        (AdaptiveClip, {"limit": 0.0}),
        (AdaptiveClip, {"eps": 0.0}),
        (ClipGlobalNorm, {"limit": 0.0}),
        (ClipNorm, {"limit": -1.0}),
        (ClipValue, {"limit": 0.0}),
        (WeightDecay, {"strength": -0.1}),
        (WeightDecay, {"roles": "weight"}),
        (WeightDecay, {"match": "dense_*"}),
        (DecoupledWeightDecay, {"strength": -0.1}),
        (DecoupledWeightDecay, {"roles": "weight"}),
    ],
    ids=str,
)
def test_a_value_out_of_range_is_named(make, arguments):
    with pytest.raises(ConfigError, match=f"needs .* as {next(iter(arguments))}, got"):
        make(**arguments)
