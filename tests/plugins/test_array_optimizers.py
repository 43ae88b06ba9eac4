"""Rules that see whole parameters or sums over the model, and rules around rules: formulas, golden paths, laws."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpframe.engine.hyperparameters import Settings
from bpframe.engine.optimizer_chain import rule_for, set_totals, totals, with_capability
from bpframe.errors import ConfigError
from bpframe.protocols import EvaluationParams, Param, Probe, Totals
from bpframe.registry import build
from bpframe.testing.laws.comparison import arrays_in, require_same_bits
from bpframe.testing.laws.purity import make_read_only
from bpframe_optimizers.adafactor import Adafactor
from bpframe_optimizers.adam import Adam
from bpframe_optimizers.adamw import Adamw
from bpframe_optimizers.ema import Ema
from bpframe_optimizers.lamb import Lamb
from bpframe_optimizers.lars import Lars
from bpframe_optimizers.lbfgs import Lbfgs
from bpframe_optimizers.lookahead import Lookahead
from bpframe_optimizers.momentum import Momentum
from bpframe_optimizers.muon import Muon, orthogonal
from bpframe_optimizers.prodigy import Prodigy
from bpframe_optimizers.sam import Sam
from bpframe_optimizers.schedule_free_adamw import ScheduleFreeAdamw
from bpframe_optimizers.schedule_free_sgd import ScheduleFreeSgd
from bpframe_optimizers.sgd import Sgd
from bpframe_optimizers.sm3 import Sm3
from bpframe_schedules.cosine import Cosine

GOLDEN = dict(np.load(Path(__file__).parents[1] / "golden" / "array_optimizers.npz"))
Model = dict[str, Any]  # parameters by name
Gradient = Callable[[Model, int], Model]  # at parameters, in step t


class Follower:
    """A model, one rule for all of it, and what an engine does with the two. Everything handed out is read-only."""

    def __init__(self, rule: Any, p: Model) -> None:
        self.rule, self.p, self.t = rule, p, 0
        self.settings = Settings(rule, next(iter(p.values())).dtype.type)
        self.state = {name: rule.init(a) for name, a in p.items()}

    def step(self, gradient: Gradient) -> None:
        h, g = self.settings.at(self.t), gradient(self.p, self.t)
        make_read_only([self.p, g, self.state])
        self._sum(h, g)
        for link in self._having(Probe)[:1]:
            probed = {
                n: link.rule.probe(p, g[n], link.state(self.state[n]), link.settings(h)) for n, p in self.p.items()
            }
            g = make_read_only(gradient(probed, self.t))
            self._sum(h, g)
        updated = {n: self.rule.update(p, g[n], self.state[n], h) for n, p in self.p.items()}
        self.p, self.state = ({n: pair[k] for n, pair in updated.items()} for k in (0, 1))
        self.t += 1

    def evaluated(self) -> Model:
        """The parameters to predict with."""
        for link in self._having(EvaluationParams)[:1]:
            h = link.settings(self.settings.h)
            return {n: link.rule.evaluation_params(p, link.state(self.state[n]), h) for n, p in self.p.items()}
        return self.p

    def _sum(self, h: Any, g: Model) -> None:
        links = self._having(Totals)
        set_totals(links, h, totals(links, h, [(p, g[n], self.state[n]) for n, p in self.p.items()]))

    def _having(self, capability: type) -> list[Any]:
        return with_capability(self.rule, next(iter(self.state.values())), capability)


def follow(rule: Any, p: Model, gradient: Gradient, steps: int) -> tuple[Model, Model, Follower]:
    """(path of each parameter, path of what one predicts with, the follower at the end)."""
    follower, path, predicting = Follower(rule, p), [], []
    for _ in range(steps):
        follower.step(gradient)
        path.append(follower.p)
        predicting.append(follower.evaluated())
    stacked = [{name: np.stack([np.asarray(q[name]) for q in many]) for name in p} for many in (path, predicting)]
    return *stacked, follower


def golden(name: str, *names: str) -> Model:
    """The arrays of one case, by parameter."""
    return {n: GOLDEN[f"{name}/{n}"].copy() for n in names or ("weight", "bias") if f"{name}/{n}" in GOLDEN}


def given(_: Model, t: int) -> Model:
    """The gradients of the golden cases, wherever the parameters are."""
    return {name: g[t] for name, g in golden("gradients").items()}


def drawn(shape: tuple[int, ...], steps: int = 8, seed: int = 3) -> tuple[Any, Any, Gradient]:
    """(p, gradients, the same as a function) of one parameter "weight", random, one gradient 0."""
    rng = np.random.default_rng(seed)
    p, gradients = rng.normal(size=shape), rng.normal(size=(steps, *shape))
    gradients[2] = 0
    return p, gradients, lambda _, t: {"weight": gradients[t].copy()}


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


# ------------------------------------------------------------------------------------------------------- invariants


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_lamb_moves_a_layer_by_lr_times_its_length_whatever_the_gradient(scale):
    p, gradients, _ = drawn((4, 3))
    path, _, _ = follow(Lamb(lr=0.02), {"weight": p}, lambda _, t: {"weight": scale * gradients[t]}, 8)
    before = np.concatenate([p[None], path["weight"][:-1]])
    moved = np.linalg.norm(path["weight"] - before, axis=(1, 2))
    np.testing.assert_allclose(moved, 0.02 * np.linalg.norm(before, axis=(1, 2)), rtol=1e-12)


def test_lars_moves_a_layer_at_first_by_lr_times_trust_times_its_length():
    p, gradients, g = drawn((4, 3))
    path, _, _ = follow(Lars(lr=3.0, trust_coefficient=0.01), {"weight": p}, g, 1)
    moved = p - path["weight"][0]
    assert np.linalg.norm(moved) == pytest.approx(0.03 * np.linalg.norm(p), rel=1e-12)
    assert np.sum(moved * gradients[0]) == pytest.approx(np.linalg.norm(moved) * np.linalg.norm(gradients[0]))


def test_lars_and_lamb_give_vectors_no_ratio():
    p, _, g = drawn((5,))
    lars, momentum = (follow(rule, {"weight": p}, g, 8)[0] for rule in (Lars(lr=0.1), Momentum(lr=0.1)))
    np.testing.assert_allclose(lars["weight"], momentum["weight"], rtol=1e-13)
    lamb, adam = (follow(rule, {"weight": p}, g, 8)[0] for rule in (Lamb(weight_decay=0.0), Adam(eps=1e-6)))
    np.testing.assert_allclose(lamb["weight"], adam["weight"], rtol=1e-13)


def test_adafactor_steps_are_bounded_by_the_length_of_the_parameter():
    p, gradients, _ = drawn((4, 3))
    path, _, _ = follow(Adafactor(lr=0.01), {"weight": p}, lambda _, t: {"weight": 10.0**t * gradients[t]}, 8)
    before = np.concatenate([p[None], path["weight"][:-1]])
    rms = [np.sqrt(np.mean(x**2, axis=(1, 2))) for x in (path["weight"] - before, before)]
    assert np.all(rms[0] <= 0.01 * rms[1] * (1 + 1e-12))


def test_adafactor_is_exact_where_the_squares_are_a_product_of_rows_and_columns():
    rows, columns = np.array([[1.0], [2.0], [0.1]]), np.array([[3.0, 0.5]])
    path, _, _ = follow(
        Adafactor(lr=1.0, eps2=1.0), {"weight": np.zeros((3, 2))}, lambda *_: {"weight": -rows * columns}, 1
    )
    np.testing.assert_allclose(path["weight"][0], np.ones((3, 2)), rtol=1e-12)


def test_sm3_bounds_adagrad_from_above_and_is_adagrad_for_vectors():
    _, gradients, g = drawn((4, 3))
    squares = np.cumsum(gradients**2, axis=0)
    _, _, end = follow(Sm3(), {"weight": np.zeros((4, 3))}, g, 8)
    bound = np.minimum(end.state["weight"]["axis_0"], end.state["weight"]["axis_1"])
    assert np.all(bound >= squares[-1])
    _, _, end = follow(Sm3(), {"weight": np.zeros(12)}, lambda _, t: {"weight": gradients[t].ravel()}, 8)
    np.testing.assert_allclose(end.state["weight"]["axis_0"], squares[-1].ravel(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(8, 8), (40, 10), (7, 30)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e10])
def test_muon_makes_all_singular_values_about_1_and_turns_no_direction(shape, scale):
    u = scale * np.random.default_rng(7).normal(size=shape)
    o = orthogonal(u, 5, 1e-7)
    assert np.all((np.linalg.svd(o, compute_uv=False) > 0.6) & (np.linalg.svd(o, compute_uv=False) < 1.2))
    left, _, right = np.linalg.svd(u, full_matrices=False)
    turned = left.T @ o @ right.T
    np.testing.assert_allclose(turned, np.diag(np.diag(turned)), atol=1e-12)


@pytest.mark.parametrize(("scale", "rms"), [("original", 0.02 * 2**0.5 / 20**0.5), ("match_rms_adamw", 0.02 * 0.2)])
def test_muon_scales_its_step_by_the_shape(scale, rms):
    u = np.linalg.qr(np.random.default_rng(1).normal(size=(20, 10)))[0].T  # fan_in 10, fan_out 20
    path, _, _ = follow(Muon(scale=scale), {"weight": np.zeros((10, 20))}, lambda *_: {"weight": u}, 1)
    assert np.sqrt(np.mean(path["weight"][0] ** 2)) == pytest.approx(rms, rel=0.25)


def hidden(depth: int, role: str = "weight", shape: tuple[int, ...] = (4, 3)) -> Param:
    """A parameter of layer `depth` of four."""
    return Param(f"dense_{depth}/{role}", role, f"dense_{depth}", shape, *(shape * 2)[:2], depth, 4)


def test_muon_takes_hidden_weights_and_leaves_the_rest_to_others():
    rule, biases = Muon(), Adamw(weight_decay=0.0)
    assert [rule.rule_for(hidden(depth)) for depth in range(4)] == [Adamw(), rule, rule, Adamw()]
    assert rule.rule_for(hidden(1, "bias", (3,))) == biases  # adamw spares biases
    assert rule.rule_for(hidden(1, "weight", (2, 3, 4))) == Adamw()
    everywhere = Muon(matrices="all", others=Ema(Adamw()))
    assert all(everywhere.rule_for(hidden(depth)) is everywhere for depth in range(4))
    assert everywhere.rule_for(hidden(0, "bias", (3,))) == Ema(biases)
    assert rule_for(Ema(rule), hidden(1)) == Ema(rule)
    assert rule_for(Ema(rule), hidden(0)) == Ema(Adamw())


@pytest.mark.parametrize("make", [Lars, Lamb, Adafactor, ScheduleFreeAdamw, Prodigy])
def test_only_weights_decay_unless_all_are_to(make):
    spared, decaying = make(weight_decay=0.1), make(weight_decay=0.1, decay="all")
    assert spared.rule_for(hidden(1)) is spared
    assert spared.rule_for(hidden(1, "bias", (3,))) == make(weight_decay=0.0)
    assert decaying.rule_for(hidden(1, "bias", (3,))) is decaying


@pytest.mark.parametrize("distance", [1e-2, 1.0, 1e3])
def test_prodigy_finds_the_rate_of_a_quadratic_by_itself(distance):
    target = distance * np.array([1.0, -0.5, 0.8])

    def gradient(p, _):
        return {"weight": np.array([1.0, 3.0, 10.0]) * (p["weight"] - target)}

    path, _, end = follow(Prodigy(d0=1e-6 * distance), {"weight": np.zeros(3)}, gradient, 300)
    assert np.max(np.abs(path["weight"][-1] - target)) < 1e-5 * distance
    assert 0.1 * distance < end.state["weight"]["d"] <= distance  # a lower bound of how far it was


def test_prodigy_never_lowers_its_estimate_and_agrees_on_it_in_every_piece():
    follower, last = Follower(Prodigy(d0=1e-3), golden("start")), 0.0
    for _ in range(20):
        follower.step(given)
        d = follower.state["weight"]["d"]
        assert d >= last
        assert d == follower.state["bias"]["d"]
        last = d


# ------------------------------------------------------------------------------------- laws that all of them keep

RULES = {
    "lars": Lars(weight_decay=0.1),
    "lamb": Lamb(),
    "adafactor": Adafactor(weight_decay=0.1),
    "sm3": Sm3(),
    "muon": Muon(weight_decay=0.1),
    "schedule_free_sgd": ScheduleFreeSgd(lr=0.1, warmup_steps=4),
    "schedule_free_adamw": ScheduleFreeAdamw(weight_decay=0.1, warmup_steps=4),
    "prodigy": Prodigy(d0=1e-3, weight_decay=0.1),
    "lookahead": Lookahead(Adam(), steps=3),
    "ema": Ema(Momentum(), decay=0.9),
    "sam": Sam(Adam()),
    "sam adaptive": Sam(Adam(), adaptive=True),
    "ema of lookahead of sam": Ema(Lookahead(Sam(Adam()))),
    "sam of prodigy": Sam(Prodigy(d0=1e-3)),
    "lookahead of muon": Lookahead(Muon()),
}
ELEMENT = [name for name, rule in RULES.items() if rule.scope == "element"]


def matrices(rule: Any, dtype: type = np.float64) -> Model:
    """Two parameters; flat ones for a rule that works number by number."""
    p = {"weight": golden("start")["weight"].astype(dtype), "second": golden("gradients")["weight"][0].astype(dtype)}
    return {name: q.ravel() for name, q in p.items()} if rule.scope == "element" else p


def random(rng: np.random.Generator) -> Gradient:
    """Random gradients."""
    return lambda p, _: {name: rng.normal(size=q.shape).astype(q.dtype) for name, q in p.items()}


def test_scopes_are_array_where_the_rule_or_the_one_inside_needs_whole_parameters():
    arrays = {"lars", "lamb", "adafactor", "sm3", "muon", "lookahead of muon"}
    assert {name for name, rule in RULES.items() if rule.scope == "array"} == arrays


@pytest.mark.parametrize("name", ELEMENT)
def test_element_rules_give_the_same_bits_for_any_cut_given_the_same_totals(name):
    rule, p = RULES[name], matrices(RULES[name])
    gradients = [random(np.random.default_rng(t))(p, t) for t in range(6)]
    whole = Follower(rule, p)
    cuts = {"weight": [slice(0, 1), slice(1, 7), slice(7, 7), slice(7, None)], "second": [slice(None)]}
    pieces = {(n, k): rule.init(p[n][cut]) for n in p for k, cut in enumerate(cuts[n])}
    parts = {key: p[key[0]][cuts[key[0]][key[1]]] for key in pieces}
    for t, g in enumerate(gradients):
        whole.step(lambda _, t, g=g: g)
        h = whole.settings.h  # with the totals of the whole
        for key in pieces:
            parts[key], pieces[key] = rule.update(parts[key], g[key[0]][cuts[key[0]][key[1]]], pieces[key], h)
        for n in p:
            require_same_bits(
                f"{n} after step {t}", np.concatenate([parts[n, k] for k in range(len(cuts[n]))]), whole.p[n]
            )


@pytest.mark.parametrize("name", RULES)
def test_a_run_that_was_saved_and_continued_has_the_same_bits(name):
    rule, p = RULES[name], matrices(RULES[name])
    path, predicting, _ = follow(rule, p, random(np.random.default_rng(1)), 11)
    first, gradient = Follower(rule, p), random(np.random.default_rng(1))
    for _ in range(5):
        first.step(gradient)
    stored = {f"{n}{place}": np.array(a) for n in p for place, a in arrays_in(first.state[n], "")}
    second = Follower(rule, {n: np.array(q) for n, q in first.p.items()})
    second.t = 5
    second.state = {n: restored(first.state[n], stored, n) for n in p}
    for _ in range(6):
        second.step(gradient)
    require_same_bits("parameters", second.p, {n: path[n][-1] for n in p})
    require_same_bits("parameters to predict with", second.evaluated(), {n: predicting[n][-1] for n in p})


def restored(state: Model, stored: Model, place: str) -> Model:
    """A state of the same form, its arrays those that were stored."""
    return {
        key: restored(value, stored, f"{place}[{key!r}]") if isinstance(value, dict) else stored[f"{place}[{key!r}]"]
        for key, value in state.items()
    }


@pytest.mark.parametrize("name", RULES)
def test_float32_stays_float32_and_states_keep_their_form(name):
    rule = RULES[name]
    p = matrices(rule, np.float32)
    _, _, end = follow(rule, p, random(np.random.default_rng(2)), 7)
    for n in p:
        first = {place: a.shape for place, a in arrays_in(rule.init(p[n]), "")}
        last = dict(arrays_in(end.state[n], ""))
        assert {place: a.shape for place, a in last.items()} == first
        assert {a.dtype for a in [*last.values(), end.p[n], end.evaluated()[n]]} == {np.dtype(np.float32)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", RULES)
def test_zero_tiny_and_huge_gradients_leave_everything_finite(name, dtype):
    rule, huge = RULES[name], 1e15 if dtype == np.float32 else 1e30
    p, rng = matrices(rule, dtype), np.random.default_rng(3)
    factors = [0, 1 / huge, huge, 0, 1, 1]

    def gradient(p, t):
        return {n: (factors[t] * rng.normal(size=q.shape)).astype(dtype) for n, q in p.items()}

    path, predicting, end = follow(rule, p, gradient, 6)
    for place, array in arrays_in([path, predicting, end.state], "result"):
        assert np.isfinite(array).all(), place


@pytest.mark.parametrize("name", RULES)
def test_parameters_and_gradients_that_are_0_stay_0(name):
    p = {n: np.zeros_like(q) for n, q in matrices(RULES[name]).items()}
    path, predicting, end = follow(RULES[name], p, lambda p, _: {n: np.zeros_like(q) for n, q in p.items()}, 6)
    for n in p:
        assert not np.any(path[n])
        assert not np.any(predicting[n])
    assert all(np.isfinite(a).all() for _, a in arrays_in(end.state, ""))


@pytest.mark.parametrize("name", RULES)
def test_states_do_not_share_memory_with_the_parameters(name):
    for q in matrices(RULES[name]).values():  # an engine writes new parameters into the place of the old
        assert not any(np.shares_memory(a, q) for _, a in arrays_in(RULES[name].init(q), ""))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_rebuilt_from_its_repr(name):
    assert eval(repr(RULES[name])) == RULES[name]


# ------------------------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize("make", [Sam, Ema, Lookahead])
def test_wrappers_refuse_a_rule_that_needs_the_objective(make):
    with pytest.raises(ConfigError, match="needs a rule that follows a gradient, got Lbfgs"):
        make(Lbfgs())


def test_muon_refuses_a_rule_that_needs_the_objective_for_the_others():
    with pytest.raises(ConfigError, match="muon needs a rule that follows a gradient"):
        Muon(others=Lbfgs())


def test_wrappers_take_the_rule_inside_by_name():
    built = build("optimizer", {"name": "ema", "inner": {"name": "lookahead", "inner": "adam", "steps": 2}})
    assert built == Ema(Lookahead(Adam(), steps=2))


BAD = [
    (Lars, {"lr": -1.0}),
    (Lars, {"momentum": 1.0}),
    (Lars, {"weight_decay": -0.1}),
    (Lars, {"trust_coefficient": 0.0}),
    (Lars, {"decay": "biases"}),
    (Lamb, {"lr": -1.0}),
    (Lamb, {"beta1": 1.0}),
    (Lamb, {"beta2": -0.1}),
    (Lamb, {"eps": 0.0}),
    (Lamb, {"weight_decay": -0.1}),
    (Adafactor, {"lr": -1.0}),
    (Adafactor, {"decay_rate": 0.0}),
    (Adafactor, {"eps1": 0.0}),
    (Adafactor, {"eps2": -1.0}),
    (Adafactor, {"clip": 0.0}),
    (Adafactor, {"weight_decay": -0.1}),
    (Sm3, {"lr": -1.0}),
    (Sm3, {"momentum": 1.0}),
    (Muon, {"lr": -1.0}),
    (Muon, {"momentum": 1.0}),
    (Muon, {"weight_decay": -0.1}),
    (Muon, {"steps": 0}),
    (Muon, {"eps": 0.0}),
    (Muon, {"scale": "none"}),
    (Muon, {"matrices": "some"}),
    (ScheduleFreeSgd, {"lr": -1.0}),
    (ScheduleFreeSgd, {"beta": 0.0}),
    (ScheduleFreeSgd, {"beta": 1.0}),
    (ScheduleFreeSgd, {"warmup_steps": -1}),
    (ScheduleFreeAdamw, {"lr": -1.0}),
    (ScheduleFreeAdamw, {"beta1": 0.0}),
    (ScheduleFreeAdamw, {"beta2": 1.0}),
    (ScheduleFreeAdamw, {"eps": 0.0}),
    (ScheduleFreeAdamw, {"warmup_steps": 1.5}),
    (ScheduleFreeAdamw, {"weight_decay": -0.1}),
    (Prodigy, {"lr": -1.0}),
    (Prodigy, {"beta1": 1.0}),
    (Prodigy, {"beta2": 1.0}),
    (Prodigy, {"eps": 0.0}),
    (Prodigy, {"d0": 0.0}),
    (Prodigy, {"d_coef": 0.0}),
    (Prodigy, {"weight_decay": -0.1}),
    (Sam, {"inner": Sgd(), "rho": -1.0}),
    (Ema, {"inner": Sgd(), "decay": 1.0}),
    (Lookahead, {"inner": Sgd(), "steps": 0}),
    (Lookahead, {"inner": Sgd(), "alpha": -0.5}),
]


@pytest.mark.parametrize(("make", "arguments"), BAD, ids=[f"{make.__name__} {bad}" for make, bad in BAD])
def test_a_value_out_of_range_is_named(make, arguments):
    with pytest.raises(ConfigError, match=f"{list(arguments)[-1]}"):
        make(**arguments)
