"""The distribution in plugins/ordinal_survival, as a foreigner's: its laws on both engines, and its formulas."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

import bpframe as bp
from bpframe.errors import BpframeError, DataError
from bpframe.registry import registry
from bpframe.testing import check_distribution, check_layer
from bpframe.testing.pairs.partners import partners_of
from bpframe.testing.pairs.table import pair
from tests.plugins.source_distribution import imported_of_bpframe, installed

SOURCE = Path(__file__).parents[2] / "plugins" / "ordinal_survival"
EDGES = [1.0, 2.5, 4.0]


@pytest.fixture
def dist(tmp_path: Path) -> Iterator[str]:
    """Its name."""
    with installed(SOURCE, tmp_path) as name:
        yield name


@pytest.mark.parametrize("engines", [("numpy",), pytest.param(("numpy", "jax"), marks=pytest.mark.slow)], ids=len)
def test_all_components_keep_the_laws_and_leave_nothing_unproven(dist: str, engines: tuple[str, ...]) -> None:
    for report in check_distribution(dist, engines=engines):
        assert report.engines == engines
        assert not report.unproven


@pytest.mark.parametrize("loss", [{"name": "bpframe-ordinal-survival/discrete_hazard", "edges": EDGES}, "corn"])
def test_a_link_of_a_loss_keeps_the_laws_of_a_layer(dist: str, loss: object) -> None:
    assert "gradient of x" in check_layer(bp.build("loss", loss).link).passed


def likelihood(hazards: list[float], time: float, event: bool) -> float:
    """P of what was seen of one row, interval by interval."""
    start, p = 0.0, 1.0
    for h, end in zip(hazards, EDGES, strict=True):
        if event and time < end:
            return p * h
        if not event and time < (start + end) / 2:
            return p
        start, p = end, p * (1 - h)
    return p


@pytest.mark.parametrize("event", [True, False])
@pytest.mark.parametrize("time", [0.0, 0.3, 0.5, 0.9, 1.0, 1.7, 1.75, 2.4, 2.5, 3.9, 4.0, 9.0])
def test_a_discrete_hazard_is_the_likelihood_of_surviving_until_then(dist: str, time: float, event: bool) -> None:
    loss = bp.build("loss", {"name": f"{dist}/discrete_hazard", "edges": EDGES})
    z = np.array([[0.3, -1.0, 0.7]])
    target = {"time": np.array([[time]]), "event": np.array([[float(event)]])}
    hazards = [1 / (1 + math.exp(-u)) for u in z[0]]
    assert np.isclose(loss.value_and_delta(z, target)[0][0], -math.log(likelihood(hazards, time, event)), rtol=1e-12)


def test_without_inputs_the_fit_is_the_life_table(dist: str, rng: np.random.Generator) -> None:
    time, censored = rng.exponential(2.0, 400), rng.uniform(0, 6, 400)
    event, time = time < censored, np.minimum(time, censored)
    loss = {"name": f"{dist}/discrete_hazard", "edges": EDGES}
    trainer = bp.Trainer(bp.Network([bp.layers.dense(3)]), loss, "lbfgs", dtype="float64", seed=1)
    x = np.zeros((400, 1))
    trainer.fit(x, {"time": time, "event": event.astype(float)}, epochs=60, batch_size=400, verbose=0)
    survival, want, start = 1.0, [], 0.0
    for end in EDGES:
        died = sum(e and start <= t < end for t, e in zip(time, event, strict=True))
        lived = sum(t >= (end if e else (start + end) / 2) for t, e in zip(time, event, strict=True))
        survival *= lived / (lived + died)
        want.append(survival)
        start = end
    np.testing.assert_allclose(trainer.predict(x[:1])[0], want, rtol=1e-5)


@pytest.mark.parametrize("edges", [[], [0.0, 1.0], [2.0, 1.0], [-1.0]])
def test_edges_that_do_not_rise_from_above_0_are_refused(dist: str, edges: list[float]) -> None:
    with pytest.raises(BpframeError, match="discrete_hazard needs edges that rise"):
        bp.build("loss", {"name": f"{dist}/discrete_hazard", "edges": edges})


@pytest.mark.parametrize("bad", [{"time": [-1.0, 2.0], "event": [1, 0]}, {"time": [1.0, 2.0], "event": [1, 2]}])
def test_times_below_0_and_events_that_are_none_are_refused(dist: str, bad: dict[str, list[float]]) -> None:
    network, loss = bp.Network([bp.layers.dense(3)]), {"name": f"{dist}/discrete_hazard", "edges": EDGES}
    with pytest.raises(DataError, match="discrete_hazard needs"):
        bp.Trainer(network, loss, "adam").fit(np.ones((2, 1)), bad, epochs=1, verbose=0)


def test_coral_is_the_sum_of_binary_cross_entropies(dist: str, rng: np.random.Generator) -> None:
    loss, z = bp.build("loss", f"{dist}/coral"), rng.normal(size=(6, 3)) * 3
    y = np.array([0, 1, 2, 3, 2, 0])
    want = [
        -sum(math.log(1 / (1 + math.exp(-u)) if n > k else 1 / (1 + math.exp(u))) for k, u in enumerate(row))
        for row, n in zip(z, y, strict=True)
    ]
    np.testing.assert_allclose(loss.value_and_delta(z, y[:, None].astype(float))[0], want, rtol=1e-12)


def test_coral_learns_text_in_its_order_and_kappa_judges_it(dist: str, rng: np.random.Generator) -> None:
    x = rng.normal(size=(300, 2))
    y = np.array(["low", "middle", "high"])[np.digitize(x @ [2.0, -1.0], [-1.0, 1.5])]
    network = bp.Network([bp.layers.dense(1), bp.layers.cutpoints(classes=3)])
    loss = {"name": f"{dist}/coral", "order": ["low", "middle", "high"]}
    trainer = bp.Trainer(network, loss, {"name": "adam", "lr": 0.05}, metrics=[f"{dist}/quadratic_kappa"], seed=1)
    trainer.fit(x, y, epochs=80, verbose=0)
    assert (trainer.predict_labels(x) == y).mean() > 0.95
    assert trainer.evaluate(x, y)["quadratic_kappa"] > 0.95
    assert (np.diff(trainer.predict(x), axis=1) < 0).all()


def test_quadratic_kappa_is_that_of_scikit_learn(dist: str, rng: np.random.Generator) -> None:
    metric, weight = bp.build("metric", f"{dist}/quadratic_kappa"), rng.uniform(0.5, 2, 50)
    guess, truth = rng.integers(0, 5, 50), rng.integers(0, 5, 50)
    want = cohen_kappa_score(truth, guess, weights="quadratic", sample_weight=weight)
    assert np.isclose(metric.value(guess, truth, weight), want, rtol=1e-12)
    assert metric.value(truth, truth, weight) == 1
    assert math.isnan(metric.value(truth * 0, truth * 0, weight))


@pytest.mark.parametrize("other", ["constraint:max_norm", "optimizer:ema"])
def test_a_loss_of_two_fields_keeps_the_laws_beside_other_components(dist: str, other: str) -> None:
    of_plugin, bundled = (
        {str(partner): partner for partner in partners_of(each for each in registry.providers() if each.dist == name)}
        for name in (dist, "bpframe")
    )
    found = pair(of_plugin["loss:discrete_hazard"], bundled[other])
    assert found.status == "proven", str(found)


def test_a_model_of_it_leaves_as_a_file(dist: str, tmp_path: Path, rng: np.random.Generator) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    network, x = bp.Network([bp.layers.dense(3)]), rng.normal(size=(40, 2))
    trainer = bp.Trainer(network, {"name": f"{dist}/discrete_hazard", "edges": EDGES}, "adam", seed=1)
    trainer.fit(x, {"time": rng.exponential(2, 40), "event": np.ones(40)}, epochs=3, verbose=0)
    run = onnxruntime.InferenceSession(bp.export(trainer, tmp_path / "m.onnx").read_bytes())
    got = run.run(["predictions"], {"x": x.astype("f4")})[0]
    np.testing.assert_allclose(got, trainer.predict(x), atol=1e-6)


def test_it_imports_of_bpframe_the_door_of_plugins_alone() -> None:
    assert imported_of_bpframe(SOURCE / "bpframe_ordinal_survival") == {"bpframe.plugin"}
