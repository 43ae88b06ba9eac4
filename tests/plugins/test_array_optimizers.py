"""Rules for whole parameters and rules around rules follow the papers and other libraries."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpframe.testing.laws.comparison import require_same_bits
from bpframe_optimizers.adafactor import Adafactor
from bpframe_optimizers.adam import Adam
from bpframe_optimizers.ema import Ema
from bpframe_optimizers.golden_paths import FILE
from bpframe_optimizers.lamb import Lamb
from bpframe_optimizers.lars import Lars
from bpframe_optimizers.lookahead import Lookahead
from bpframe_optimizers.mars import Mars
from bpframe_optimizers.momentum import Momentum
from bpframe_optimizers.muon import Muon
from bpframe_optimizers.prodigy import Prodigy
from bpframe_optimizers.sam import Sam
from bpframe_optimizers.schedule_free_adamw import ScheduleFreeAdamw
from bpframe_optimizers.schedule_free_sgd import ScheduleFreeSgd
from bpframe_optimizers.sgd import Sgd
from bpframe_optimizers.sm3 import Sm3
from bpframe_schedules.cosine import Cosine
from tests.golden.make_kit_paths import kit_paths
from tests.plugins.parameter_paths import Follower, Model, drawn, follow, given, golden

# ------------------------------------------------------------------------------------------- other people's numbers


WARM = {"lr": 0.02, "beta1": 0.95, "beta2": 0.99, "weight_decay": 0.1, "decay": "all", "warmup_steps": 7}
PEERS = {
    "lars": Lars(lr=2.0, trust_coefficient=0.01),
    "lamb": Lamb(lr=0.05, weight_decay=0.1),
    "adafactor": Adafactor(lr=0.05, weight_decay=0.1, decay="all"),
    "adafactor_relative": Adafactor(lr=1.0),
    "sm3": Sm3(lr=0.1),
    "muon": Muon(weight_decay=0.1, eps=1e-30),
    "muon_match_rms_adamw": Muon(weight_decay=0.1, nesterov=False, eps=1e-30, scale="match_rms_adamw"),
    "muon_optax": Muon(nesterov=False, eps=1e-30),
    "schedule_free_sgd": ScheduleFreeSgd(lr=0.2, warmup_steps=7),
    "schedule_free_sgd_optax": ScheduleFreeSgd(lr=0.2),
    "schedule_free_adamw": ScheduleFreeAdamw(**WARM),
    "schedule_free_adamw_optax": ScheduleFreeAdamw(lr=0.02, weight_decay=0.1, decay="all"),
    "prodigy": Prodigy(d0=1e-3, weight_decay=0.1, decay="all"),
    "prodigy_safeguarded": Prodigy(lr=0.5, d0=1e-3, d_coef=2.0, bias_correction=True, safeguard_warmup=True),
    "prodigy_optax": Prodigy(d0=1e-3, weight_decay=0.1, decay="all", bias_correction=True),
    "lookahead": Lookahead(Momentum(lr=0.1), steps=3, alpha=0.4),
    "ema": Ema(Momentum(lr=0.1), decay=0.8),
}
OF_WEIGHTS = ("lamb", "muon", "muon_match_rms_adamw", "muon_optax")  # cases that treat vectors in another way


@pytest.mark.parametrize("case", PEERS)
def test_paths_are_those_of_torch_optax_or_the_authors_code(case):
    names = ("weight",) if case in OF_WEIGHTS else ("weight", "bias")
    path, predicting, _ = follow(PEERS[case], golden("start", *names), given, 20)
    for name in names:
        np.testing.assert_allclose(path[name], golden(case)[name], rtol=1e-10, atol=1e-10)
        want = golden(f"{case}.x") or path
        np.testing.assert_allclose(predicting[name], want[name], rtol=1e-10, atol=1e-10)


def test_mars_takes_the_path_of_its_authors_code():
    rule = Mars(lr=0.02, beta1=0.9, beta2=0.95, gamma=0.3, eps=1e-6, weight_decay=0.1)
    want = np.load(Path(__file__).parents[1] / "golden" / "mars.npz")["weight"]
    path, _, _ = follow(rule, golden("start", "weight"), given, len(want))
    np.testing.assert_allclose(path["weight"], want, rtol=1e-10, atol=1e-12)


def test_sam_goes_the_way_of_optax_down_a_quadratic():
    curvature = {"weight": np.linspace(0.5, 3, 12).reshape(4, 3), "bias": np.array([1.0, 2.0, 0.3])}
    rule = Sam(Momentum(lr=0.05), rho=0.3)
    path, _, _ = follow(rule, golden("start"), lambda p, _: {n: curvature[n] * p[n] for n in p}, 20)
    for name, want in golden("sam").items():
        np.testing.assert_allclose(path[name], want, rtol=1e-10, atol=1e-10)


# --------------------------------------------------------------------------------------- the papers, number by number


def norm(rows: Any) -> float:
    return math.sqrt(math.fsum(x * x for row in rows for x in row))


def test_lars_is_algorithm_1_of_you_gitman_and_ginsburg():
    p, gradients, g = drawn((4, 3))
    path, _, _ = follow(Lars(lr=0.7, weight_decay=0.2, trust_coefficient=0.03), {"weight": p}, g, 8)
    w, v = p.tolist(), [[0.0] * 3 for _ in range(4)]
    for t in range(8):
        slope, length = norm(gradients[t]), norm(w)
        local = 0.03 * length / (slope + 0.2 * length) if slope else 1.0
        for i in range(4):
            for j in range(3):
                v[i][j] = 0.9 * v[i][j] + 0.7 * local * (gradients[t, i, j] + 0.2 * w[i][j])
                w[i][j] -= v[i][j]
        np.testing.assert_allclose(path["weight"][t], w, rtol=1e-12, atol=1e-12)


def test_lamb_is_algorithm_2_of_you_et_al():
    p, gradients, g = drawn((4, 3))
    path, _, _ = follow(Lamb(lr=0.1, weight_decay=0.3), {"weight": p}, g, 8)
    x = p.tolist()
    m, v, r = ([[0.0] * 3 for _ in range(4)] for _ in range(3))
    for t in range(8):
        for i in range(4):
            for j in range(3):
                m[i][j] = 0.9 * m[i][j] + 0.1 * gradients[t, i, j]
                v[i][j] = 0.999 * v[i][j] + 0.001 * gradients[t, i, j] ** 2
                root = math.sqrt(v[i][j] / (1 - 0.999 ** (t + 1)))
                r[i][j] = m[i][j] / (1 - 0.9 ** (t + 1)) / (root + 1e-6) + 0.3 * x[i][j]
        ratio = norm(x) / norm(r)
        x = [[x[i][j] - 0.1 * ratio * r[i][j] for j in range(3)] for i in range(4)]
        np.testing.assert_allclose(path["weight"][t], x, rtol=1e-12, atol=1e-12)


def test_adafactor_is_algorithm_4_of_shazeer_and_stern_with_sums_over_rows_and_columns():
    n, m = 4, 3
    p, gradients, g = drawn((n, m))
    path, _, _ = follow(Adafactor(lr=0.05), {"weight": p}, g, 8)
    x, rows, columns = p.tolist(), [0.0] * n, [0.0] * m
    for t in range(1, 9):
        beta, squares = 1 - t**-0.8, gradients[t - 1] ** 2 + 1e-30
        rows = [beta * r + (1 - beta) * math.fsum(squares[i]) for i, r in enumerate(rows)]
        columns = [beta * c + (1 - beta) * math.fsum(squares[:, j]) for j, c in enumerate(columns)]
        u = [
            [gradients[t - 1, i, j] / math.sqrt(rows[i] * columns[j] / math.fsum(rows)) for j in range(m)]
            for i in range(n)
        ]
        alpha = max(1e-3, norm(x) / math.sqrt(n * m)) * min(0.05, 1 / math.sqrt(t))
        alpha /= max(1.0, norm(u) / math.sqrt(n * m))
        x = [[x[i][j] - alpha * u[i][j] for j in range(m)] for i in range(n)]
        np.testing.assert_allclose(path["weight"][t - 1], x, rtol=1e-12, atol=1e-12)


def test_adafactor_of_a_vector_keeps_its_whole_second_moment():
    p, gradients, g = drawn((5,))
    path, _, _ = follow(Adafactor(lr=0.05, clip=0.5), {"weight": p}, g, 8)
    x, v = p.tolist(), [0.0] * 5
    for t in range(1, 9):
        beta = 1 - t**-0.8
        v = [beta * v[i] + (1 - beta) * (gradients[t - 1, i] ** 2 + 1e-30) for i in range(5)]
        u = [gradients[t - 1, i] / math.sqrt(v[i]) for i in range(5)]
        alpha = max(1e-3, norm([x]) / math.sqrt(5)) * min(0.05, 1 / math.sqrt(t))
        x = [x[i] - alpha * u[i] / max(1.0, norm([u]) / math.sqrt(5) / 0.5) for i in range(5)]
        np.testing.assert_allclose(path["weight"][t - 1], x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 3), (5,), (2, 3, 2)])
def test_sm3_is_algorithm_sm3_ii_with_the_slices_of_each_axis_as_cover(shape):
    p, gradients, g = drawn(shape)
    path, _, _ = follow(Sm3(lr=0.1, momentum=0.6), {"weight": p}, g, 8)
    places = list(np.ndindex(*shape))
    w, m, mu = {i: p[i] for i in places}, dict.fromkeys(places, 0.0), {}
    for t in range(8):
        nu = {i: min(mu.get((k, i[k]), 0.0) for k in range(len(i))) + gradients[t][i] ** 2 for i in places}
        for i in places:
            m[i] = 0.6 * m[i] + 0.4 * (gradients[t][i] / math.sqrt(nu[i]) if nu[i] else 0.0)
            w[i] -= 0.1 * m[i]
            for k, at in enumerate(i):
                mu[k, at] = max(mu.get((k, at), 0.0), nu[i])
        np.testing.assert_allclose(
            [path["weight"][t][i] for i in places], [w[i] for i in places], rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("shape", [(4, 3), (3, 5), (1, 4), (6, 1), (1, 1)])
@pytest.mark.parametrize("nesterov", [False, True])
def test_muon_moves_the_singular_values_of_the_velocity_along_its_polynomial(shape, nesterov):
    p, gradients, g = drawn(shape)
    path, _, _ = follow(Muon(nesterov=nesterov, weight_decay=0.3, eps=1e-9), {"weight": p}, g, 8)
    w, total = p, np.zeros(shape)
    for t in range(8):
        total = 0.95 * total + gradients[t]  # the velocity up to a factor of 0.05
        left, s, right = np.linalg.svd(gradients[t] + 0.95 * total if nesterov else total, full_matrices=False)
        s = 0.05 * s / (0.05 * np.linalg.norm(s) + 1e-9)
        for _ in range(5):
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        w = w - 0.02 * (max(1.0, shape[1] / shape[0]) ** 0.5 * (left * s) @ right + 0.3 * w)
        np.testing.assert_allclose(path["weight"][t], w, rtol=1e-12, atol=1e-12)


def test_schedule_free_adamw_is_the_form_in_x_and_z():
    p, gradients, g = drawn((6,), 30)
    path, predicting, _ = follow(ScheduleFreeAdamw(lr=0.05, weight_decay=0.1, warmup_steps=9), {"weight": p}, g, 30)
    for i in range(6):
        x = z = y = float(p[i])
        v = weights = 0.0
        for t in range(1, 31):
            v = 0.999 * v + 0.001 * gradients[t - 1, i] ** 2
            lr = 0.05 * min(1, t / 9)
            z -= lr * (gradients[t - 1, i] / (math.sqrt(v / (1 - 0.999**t)) + 1e-8) + 0.1 * y)
            weights += lr**2
            x += lr**2 / weights * (z - x)
            y = 0.1 * z + 0.9 * x
            assert path["weight"][t - 1, i] == pytest.approx(y, rel=1e-12, abs=1e-12)
            assert predicting["weight"][t - 1, i] == pytest.approx(x, rel=1e-12, abs=1e-12)


def test_schedule_free_sgd_predicts_with_the_mean_of_its_base_points_weighted_by_squared_rates():
    p, gradients, g = drawn((4,), 12)
    rates = Cosine(0.5, 12)
    path, predicting, _ = follow(ScheduleFreeSgd(lr=rates, beta=0.8), {"weight": p}, g, 12)
    lr = np.array([rates.value(t) for t in range(12)])
    z = p - np.cumsum(lr[:, None] * gradients, axis=0)
    x = np.cumsum(lr[:, None] ** 2 * z, axis=0) / np.cumsum(lr**2)[:, None]
    np.testing.assert_allclose(predicting["weight"], x, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(path["weight"], 0.2 * z + 0.8 * x, rtol=1e-12, atol=1e-12)


def test_prodigy_is_the_adam_version_of_mishchenko_and_defazio_over_the_whole_model():
    d, r, x0 = 1e-3, 0.0, np.concatenate([golden("start")["weight"].ravel(), golden("start")["bias"]])
    path, _, _ = follow(Prodigy(d0=d, d_coef=1.5, weight_decay=0.2, decay="all"), golden("start"), given, 20)
    x, b = x0.tolist(), math.sqrt(0.999)
    m, v, s = ([0.0] * 15 for _ in range(3))
    for t in range(20):
        g = [*given({}, t)["weight"].ravel(), *given({}, t)["bias"]]
        m = [0.9 * m[i] + 0.1 * d * g[i] for i in range(15)]
        v = [0.999 * v[i] + 0.001 * (d * g[i]) ** 2 for i in range(15)]
        r = b * r + (1 - b) * d**2 * math.fsum(g[i] * (x0[i] - x[i]) for i in range(15))
        s = [b * s[i] + (1 - b) * d**2 * g[i] for i in range(15)]
        new = max(d, 1.5 * r / math.fsum(map(abs, s)))
        x = [x[i] - d * m[i] / (math.sqrt(v[i]) + new * 1e-8) - d * 0.2 * x[i] for i in range(15)]
        d = new
        got = np.concatenate([path["weight"][t].ravel(), path["bias"][t]])
        np.testing.assert_allclose(got, x, rtol=1e-12, atol=1e-12)
    assert d > 2e-3  # it did find something


def bowl(p: Model, _: int = 0) -> Model:
    """The gradient of a quadratic in all parameters, curvatures 0.5 to 3."""
    return {name: np.linspace(0.5, 3, q.size).reshape(q.shape).astype(q.dtype) * q for name, q in p.items()}


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_takes_the_gradient_at_distance_rho_uphill(adaptive):
    start, seen = golden("start"), []

    def gradient(p, t):
        seen.append(p)
        return bowl(p)

    follow(Sam(Sgd(), rho=0.3, adaptive=adaptive), start, gradient, 1)
    g, move = bowl(start), {name: seen[1][name] - start[name] for name in start}
    scale = {name: np.abs(p) if adaptive else np.ones_like(p) for name, p in start.items()}
    distance = math.sqrt(sum(float(np.sum((move[name] / scale[name]) ** 2)) for name in start))
    assert distance == pytest.approx(0.3, rel=1e-12)
    factors = np.concatenate([(move[name] / (scale[name] ** 2 * g[name])).ravel() for name in start])
    np.testing.assert_allclose(factors, factors[0], rtol=1e-10)
    assert factors[0] > 0


def test_sam_with_rho_0_is_the_rule_inside():
    path, _, _ = follow(Sam(Adam(), rho=0.0), golden("start"), lambda p, _: bowl(p), 10)
    want, _, _ = follow(Adam(), golden("start"), lambda p, _: bowl(p), 10)
    require_same_bits("path", path, want)


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_ema_predicts_with_the_mean_of_the_path_weighted_by_age(decay):
    _, _, g = drawn((4, 3), 20)
    path, predicting, _ = follow(Ema(Adam(), decay), golden("start", "weight"), g, 20)
    for t in range(20):
        weights = decay ** np.arange(t, -1, -1)
        want = np.tensordot(weights / weights.sum(), path["weight"][: t + 1], 1)
        np.testing.assert_allclose(predicting["weight"][t], want, rtol=1e-12, atol=1e-12)


def test_ema_whose_decay_follows_a_schedule_is_still_a_mean():
    rule, start = Ema(Sgd(lr=0.0), Cosine(0.99, 10)), golden("start")
    _, predicting, _ = follow(rule, start, given, 10)
    for name, p in start.items():
        np.testing.assert_allclose(predicting[name], np.broadcast_to(p, (10, *p.shape)), rtol=1e-14)


def test_ema_predicts_with_the_initial_parameters_before_the_first_step():
    require_same_bits("parameters", Follower(Ema(Adam()), golden("start")).evaluated(), golden("start"))


def test_lookahead_is_the_double_loop_of_algorithm_1():
    p, gradients, g = drawn((4, 3), 12)
    path, predicting, _ = follow(Lookahead(Momentum(lr=0.1), steps=4, alpha=0.3), {"weight": p}, g, 12)
    slow, velocity, t = p, np.zeros_like(p), 0
    for _ in range(3):
        fast = slow
        for _ in range(4):
            np.testing.assert_allclose(predicting["weight"][t - 1] if t else p, slow, rtol=1e-13)
            velocity = 0.9 * velocity + gradients[t]
            fast, t = fast - 0.1 * velocity, t + 1
            if t % 4:
                np.testing.assert_allclose(path["weight"][t - 1], fast, rtol=1e-13)
        slow = slow + 0.3 * (fast - slow)
        np.testing.assert_allclose(path["weight"][t - 1], slow, rtol=1e-13)
        np.testing.assert_array_equal(path["weight"][t - 1], predicting["weight"][t - 1])


def test_the_kit_compares_rules_with_the_paths_that_stand_here():
    packed = np.load(FILE)
    made = kit_paths()
    assert set(packed) == set(made)
    for name, array in made.items():
        np.testing.assert_array_equal(packed[name], array)
