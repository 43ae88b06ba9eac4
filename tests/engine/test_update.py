"""The update in stages: sums over the model come before what needs them, whatever the groups and slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from bpframe.engine import flat_store
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.hyperparameters import Settings
from bpframe.engine.optimizer_chain import chain, rule_for, with_capability
from bpframe.engine.rule_queries import evaluation_pieces
from bpframe.engine.update import Updates
from bpframe.training.update_groups import trained_parameters, update_groups
from tests.trainer_spec import spec_of


@dataclass(frozen=True)
class Plain:
    """p - lr g."""

    lr: float = 1.0
    scope = "element"

    def init(self, p):
        return {}

    def update(self, p, g, state, h):
        return p - h.lr * g, {}


@dataclass(frozen=True)
class ByNorm:
    """Divides g by the norm of the whole gradient."""

    scope = "element"

    def init(self, p):
        return {}

    def totals(self, p, g, state, h):
        return {"squares": (g * g).sum()}

    def transform(self, p, g, state, h):
        return g / h.total["squares"] ** 0.5, state


@dataclass(frozen=True)
class Double(ByNorm):
    """Doubles g on weights; needs no sum."""

    totals = None

    def applies(self, param):
        return param.role == "weight"

    def transform(self, p, g, state, h):
        return 2 * g, state


@dataclass(frozen=True)
class Counting:
    """A rule whose state counts the elements of the whole model, seen from any slice."""

    scope = "element"

    def init(self, p):
        return {"count": p.sum() * 0, "seen": np.zeros_like(p)}

    def totals(self, p, g, state, h):
        return {"n": np.asarray(float(p.size)), "before": state["count"] + 0.0}

    def update(self, p, g, state, h):
        return p - g / h.total["n"], {"count": state["count"] + h.total["n"], "seen": state["seen"] + g}


@dataclass(frozen=True)
class Around:
    """A rule that holds another and has no sums of its own."""

    inner: "Optimizer"  # noqa: F821, UP037  (annotations are read as text)
    scope = "element"

    def init(self, p):
        return {"inner": self.inner.init(p)}

    def update(self, p, g, state, h):
        p, inner = self.inner.update(p, g, state["inner"], h.inner)
        return p, {"inner": inner}


RNG = np.random.default_rng(0)
TREE = {
    "a": {"weight": RNG.normal(size=(7, 5)), "bias": RNG.normal(size=5)},
    "b": {"weight": RNG.normal(size=(5, 3)), "bias": RNG.normal(size=3)},
}
SLOPES = {layer: {name: RNG.normal(size=p.shape) for name, p in part.items()} for layer, part in TREE.items()}
FLAT = {f"{layer}/{name}": g for layer, part in SLOPES.items() for name, g in part.items()}
NORM = sum(float((g * g).sum()) for g in FLAT.values()) ** 0.5


def stepped(parts, steps=1):
    """(parameters by name, the groups) after some steps with the same gradient."""
    params = {layer: dict(part) for layer, part in TREE.items()}
    made = [
        GroupUpdate(g, flat_store.FlatStore(g, params, np.dtype(np.float64)))
        for g in update_groups(trained_parameters(params), parts)
    ]
    updates = Updates(made)
    for step in range(steps):
        updates.update(SLOPES, step, {"loss": 1.0})
    return {f"{layer}/{name}": p for layer, part in params.items() for name, p in part.items()}, made


def moved(parts, steps=1):
    after, _ = stepped(parts, steps)
    return {name: TREE[name.split("/")[0]][name.split("/")[1]] - p for name, p in after.items()}


@pytest.mark.parametrize("cut", [4, 11, 2**15])
def test_a_sum_over_the_model_is_that_of_all_slices(monkeypatch, cut):
    monkeypatch.setattr(flat_store, "SLICE", cut)
    for name, change in moved(spec_of(Plain(), gradient_steps=(ByNorm(),))).items():
        np.testing.assert_allclose(change, FLAT[name] / NORM, rtol=1e-12)


def test_a_sum_spans_groups_and_comes_after_what_stands_before_it():
    parts = spec_of(Plain(), gradient_steps=(Double(), ByNorm()))
    doubled = {name: 2 * g if name.endswith("weight") else g for name, g in FLAT.items()}
    norm = sum(float((g * g).sum()) for g in doubled.values()) ** 0.5
    for name, change in moved(parts).items():
        np.testing.assert_allclose(change, doubled[name] / norm, rtol=1e-12)


def test_two_sums_in_a_row_are_made_in_the_order_declared():
    parts = spec_of(Plain(), gradient_steps=(ByNorm(), Double(), ByNorm()))
    once = {name: (2 if name.endswith("weight") else 1) * g / NORM for name, g in FLAT.items()}
    norm = sum(float((g * g).sum()) for g in once.values()) ** 0.5
    for name, change in moved(parts).items():
        np.testing.assert_allclose(change, once[name] / norm, rtol=1e-12)


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("cut", [4, 2**15])
def test_every_slice_of_a_rule_sees_the_sums_of_the_model_and_its_own_old_state(monkeypatch, cut, wrap):
    monkeypatch.setattr(flat_store, "SLICE", cut)
    rule = Around(Counting()) if wrap else Counting()
    n = sum(g.size for g in FLAT.values())
    after, made = stepped(spec_of(rule, gradient_steps=(Double(),)), steps=3)
    for name, p in after.items():
        layer, role = name.split("/")
        g = (2 if role == "weight" else 1) * FLAT[name]
        np.testing.assert_allclose(p, TREE[layer][role] - 3 * g / n, rtol=1e-12)
    states = [states[-1]["inner"] if wrap else states[-1] for group in made for states in group.states]
    assert {float(state["count"]) for state in states} == {3.0 * n}


def test_settings_reach_the_rule_inside_with_step_and_loss_of_their_own():
    settings = Settings(Around(Around(Plain(lr=0.5))), np.float64)
    h = settings.at(4)
    settings.note(loss=2.0)
    assert (h.inner.inner.lr, h.inner.inner.step, h.inner.loss) == (0.5, 5, 2.0)


def test_a_chain_is_walked_from_the_outside_and_stops_where_the_state_does():
    rule = Around(Around(Counting()))
    assert [link.path for link in chain(rule)] == [(), ("inner",), ("inner", "inner")]
    assert [link.path for link in chain(rule, {"inner": {}})] == [(), ("inner",)]


def test_who_has_a_capability_is_found_inside_others():
    from bpframe.protocols import Totals

    (link,) = with_capability(Around(Counting()), {"inner": {}}, Totals)
    assert link.path == ("inner",)
    assert link.replaced({"inner": {"a": 1}, "own": 2}, {"a": 3}) == {"inner": {"a": 3}, "own": 2}


@dataclass(frozen=True)
class Choosy(Plain):
    """Another rate for biases."""

    def rule_for(self, param):
        return self if param.role == "weight" else Choosy(lr=0.0)


def test_a_rule_inside_another_decides_about_parameters():
    after = moved(spec_of(Around(Choosy(lr=1.0))))
    for name, change in after.items():
        np.testing.assert_allclose(change, FLAT[name] if name.endswith("weight") else 0 * FLAT[name], atol=1e-15)
    assert rule_for(Around(Plain()), None).inner == Plain()


@dataclass(frozen=True)
class Every:
    """Sums gradients; what follows runs at every second step."""

    period = 2
    scope = "element"

    def init(self, p):
        return {"sum": np.zeros_like(p)}

    def transform(self, p, g, state, h):
        fresh = state["sum"] * (h.step % 2 == 0) + g
        return fresh, {"sum": fresh}


@dataclass(frozen=True)
class Timed(Plain):
    """Moves by the number of its own updates."""

    def update(self, p, g, state, h):
        return p - g * h.step, {}


def test_behind_a_step_that_gathers_the_rule_counts_updates():
    assert not any(change.any() for change in moved(spec_of(Timed(), gradient_steps=(Every(),)), steps=1).values())
    after = moved(spec_of(Timed(), gradient_steps=(Every(),)), steps=4)
    for name, change in after.items():
        np.testing.assert_allclose(change, 2 * FLAT[name] * 1 + 2 * FLAT[name] * 2, rtol=1e-12)


@dataclass(frozen=True)
class Averaging(Plain):
    """Predicts with a constant."""

    def evaluation_params(self, p, state, h):
        return 0 * p + 7


def test_parameters_to_predict_with_come_from_the_rule():
    _, (only,) = stepped(spec_of(Around(Averaging())))
    (values,) = evaluation_pieces(only)
    assert set(values) == {7.0}
    assert set(only.store.get(0)) != {7.0}
