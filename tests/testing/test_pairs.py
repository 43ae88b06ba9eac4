"""Components that meet: each pair of bundled ones keeps the laws or is refused, and the laws find planted faults."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import jax
import numpy as np
import pytest

from bpframe.engine import update
from bpframe.engine.group_update import GroupUpdate
from bpframe.engine.numpy.session import NumpySession
from bpframe.plugin import Optimizer
from bpframe.registry import registry
from bpframe.testing.pairs.laws import definition
from bpframe.testing.pairs.meeting import Meeting
from bpframe.testing.pairs.partners import Partner, options, partners_of
from bpframe.testing.pairs.table import covering, first_status, pair, pairs, representatives
from bpframe.training import new_fit
from tools import pairs as table_tool


@cache
def bundled() -> dict[str, Partner]:
    found = partners_of(provider for provider in registry.providers() if provider.dist == "bpframe")
    return {str(partner): partner for partner in found}


@cache
def short_form() -> list[Partner]:
    return representatives(bundled().values())


OPTIONS = {partner.name: partner for partner in options()}
BESIDE = ("optimizer:ema", "optimizer:sam", "gradient_step:accumulate", "constraint:unit_norm", "layer:batch_norm")


@pytest.mark.parametrize("name", OPTIONS)
def test_options_keep_every_law_beside_components_that_an_engine_treats_otherwise(name):
    for other in (*(bundled()[each] for each in BESIDE), *(each for each in OPTIONS.values() if each.name > name)):
        found = pair(OPTIONS[name], other)
        assert found.status in ("proven", "not applicable"), str(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_options_keep_every_law_beside_all(name):
    for other in short_form():
        found = pair(OPTIONS[name], other)
        assert found.status in ("proven", "refused", "not applicable"), str(found)


def meet(first: str, second: str):
    return pair(bundled()[first], bundled()[second])


@pytest.mark.parametrize("number", range(44))
def test_each_two_keep_every_law_or_are_refused_in_words(number):
    chosen = short_form()
    assert len(chosen) <= 44
    for found in pairs(chosen[number : number + 1], chosen[number + 1 :]):
        assert found.status in ("proven", "refused", "not applicable"), str(found)


# Rounding decides what becomes of these on another engine than that of the definition, where units saturate or the
# gradient of a batch vanishes: `cautious` moves what its signs say, `lars` divides by its size, and with the
# rate 1 of the schedule weights run away to 1e10.
DECIDED_BY_ROUNDING = (
    {"optimizer:cautious", "loss:cox"},
    {"optimizer:cautious", "loss:cumulative_link"},
    {"optimizer:cautious", "loss:cumulative_link(order=['low', 'middle', 'high', 'top'])"},
    {"optimizer:lars", "loss:cox"},
    {"schedule:sequence", "loss:beta_nll"},
)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(20))
def test_engine_jax_trains_each_two_like_the_definition_operation_by_operation(share):
    for two in list(combinations(table_tool.bundled(), 2))[share::20]:
        if set(map(str, two)) not in DECIDED_BY_ROUNDING and first_status(Meeting(two)) is None:
            with jax.disable_jit():  # to compile a training takes three times as long as to run it so
                definition(Meeting(two, "jax"))
    jax.clear_caches()


# Rounding decides what many together do with these: signs of weights at 0, and gradients that would be 0 but for
# rounding, of a bias in front of batch_norm, which some rules scale up.
UNSTABLE = (
    "regularizer:l1",
    "regularizer:elastic_net",
    "constraint:non_negative",
    "layer:batch_norm",
    "layer:parallel",
)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(4))
def test_engine_jax_trains_all_that_may_meet_like_the_definition(share):
    for chosen in covering([each for each in short_form() if str(each) not in UNSTABLE])[share::4]:
        definition(Meeting(chosen, "jax"))


@pytest.mark.slow
@pytest.mark.parametrize("other", ["gradient_step:accumulate", "optimizer:ema", "optimizer:lookahead"])
@pytest.mark.parametrize("first", UNSTABLE)
def test_engine_jax_trains_these_like_the_definition_in_pairs(first, other):
    definition(Meeting((bundled()[first], bundled()[other]), "jax"))


@pytest.mark.slow
def test_the_table_of_all_bundled_components_is_that_of_the_page():
    page = table_tool.PAGE.read_text(encoding="utf-8")
    assert page == table_tool.with_table(page, table_tool.computed(cores=1))
    proven, may_meet = (int(re.search(rf"(\d+) {words}", page)[1]) for words in ("are proven", "pairs may meet"))
    assert proven >= 0.95 * may_meet


def test_nearly_all_that_may_meet_are_proven_and_those_refused_are_few():
    refused = {
        ("gradient_step:clip_global_norm", "optimizer:lbfgs"): "objective itself",
        ("constraint:max_norm", "optimizer:lbfgs"): "objective itself",
        ("optimizer:ema", "optimizer:lbfgs"): "one vector",
        ("loss:cosine", "optimizer:sophia_g"): "draws targets",
        ("loss:mse", "sampler:balanced"): "one class a row",
        ("loss:mse", "sampler:by_class"): "one class a row",
        ("loss:mse", "sampler:grouped"): "the field 'query'",
    }
    for names, words in refused.items():
        found = meet(*names)
        assert (found.status, words in found.reason) == ("refused", True), str(found)


@pytest.mark.parametrize("other", ["layer:batch_norm", "augmentation:mixup", "optimizer:ema", "loss:triplet"])
def test_batches_that_a_sampler_makes_train_like_their_own_rows(other):
    assert meet("sampler:by_class", other).status == "proven"


@pytest.mark.parametrize("other", ["layer:batch_norm", "augmentation:mixup", "optimizer:prodigy", "loss:ranknet"])
def test_whole_groups_train_like_their_own_rows(other):
    assert meet("sampler:grouped", other).status == "proven"


def test_two_losses_have_no_place_in_one_training():
    assert meet("loss:mse", "loss:huber").status == "not applicable"


def test_roles_are_what_components_declare():
    roles = {name.partition(":")[2]: partner.role for name, partner in bundled().items()}
    assert roles["ema"] == roles["schedule_free_sgd"] == "averaging rule"
    assert roles["adahessian"] == roles["mars_exact"] == "comparing rule"
    assert (roles["sam"], roles["lbfgs"], roles["adam"]) == ("probing rule", "minimizer", "rule")
    assert (roles["accumulate"], roles["clip_global_norm"]) == ("gathering step", "step with sums")
    assert (roles["batch_norm"], roles["dropout"]) == ("layer with running statistics", "layer with draws")
    assert roles["by_class"] == roles["grouped"] == "sampler of batches"
    assert (roles["mixup"], roles["norms"]) == ("augmentation that mixes rows", "measuring callback")
    assert {"dense", "flip", "progress"}.isdisjoint(roles)
    assert {partner.role for partner in options()} == {
        "layer with a scheduled setting",
        "loss with a scheduled setting",
        "tie",
    }


# ------------------------------------------------------------------------------------------------------ planted faults


def forget_all(monkeypatch):
    """Setting one parameter makes all that its group remembers start anew."""

    def restart(self, paths, first, every):
        self.states = self.initial()

    monkeypatch.setattr(GroupUpdate, "restart", restart)


def count_batches(monkeypatch):
    """Settings behind a step that gathers follow batches."""

    def begin(self, step, batch_info=None):
        self.due = True
        for k, settings in enumerate(self.settings):
            settings.at(step, batch_info)
            if k in self._periods:
                self.due = (step + 1) % self._periods[k] == 0
        for settings in self.settings[self.first : self.rule]:
            settings.note(rule=self.settings[self.rule].h if self.group.rule else None)

    monkeypatch.setattr(GroupUpdate, "begin", begin)


def sum_by_group(monkeypatch):
    """Sums over the model are made group by group."""

    def sum_each(self, waiting):
        for one in waiting:
            whole(self, [one])

    whole = update.Updates._sum
    monkeypatch.setattr(update.Updates, "_sum", sum_each)


def keep_no_memory(monkeypatch):
    """What rules remember is no part of a checkpoint."""
    whole = NumpySession.restore
    monkeypatch.setattr(
        NumpySession, "restore", lambda self, arrays, step: whole(self, only_parameters(self, arrays), step)
    )


def only_parameters(session, arrays):
    return session.snapshot() | {name: value for name, value in arrays.items() if name.startswith("parameters/")}


def count_rows_that_fill_up(monkeypatch):
    """Rows that fill a batch up weigh as much as others."""

    def with_padding_row(data):
        filled = whole(data)
        return replace(filled, weight=np.ones_like(filled.weight), sample_weight=np.ones_like(filled.weight))

    whole = new_fit.with_padding_row
    monkeypatch.setattr(new_fit, "with_padding_row", with_padding_row)


@pytest.mark.parametrize(
    ("fault", "names", "law"),
    [
        (forget_all, ("gradient_step:clip_value", "optimizer:ema"), "definition"),
        (count_batches, ("gradient_step:accumulate", "schedule:exponential"), "definition"),
        (sum_by_group, ("gradient_step:clip_global_norm", "optimizer:adam"), "definition"),
        (keep_no_memory, ("optimizer:adam", "regularizer:l2"), "resume"),
        (count_rows_that_fill_up, ("sampler:grouped", "layer:dropout"), "definition"),
        (count_rows_that_fill_up, ("sampler:by_class", "augmentation:mixup"), "definition"),
    ],
)
def test_a_fault_in_how_an_engine_puts_them_together_is_found(monkeypatch, fault, names, law):
    assert meet(*names).status == "proven"
    fault(monkeypatch)
    found = meet(*names)
    assert found.status == "failed"
    assert found.reason.startswith(f"{law}: ")


@dataclass(frozen=True)
class Slow:
    """p <- inner(p, g), slow <- 0.9 slow + 0.1 p: remembers an average and predicts with p."""

    inner: Optimizer

    @property
    def scope(self):
        return self.inner.scope

    def init(self, p):
        return {"slow": p + 0.0, "inner": self.inner.init(p)}

    def update(self, p, g, state, h):
        p, inner = self.inner.update(p, g, state["inner"], h.inner)
        return p, {"slow": 0.9 * state["slow"] + 0.1 * p, "inner": inner}


@dataclass(frozen=True)
class Declared(Slow):
    """p <- inner(p, g), slow <- 0.9 slow + 0.1 p: says what becomes of slow."""

    def restart(self, p, state):
        return {**state, "slow": p + 0.0}


def test_a_foreign_rule_that_says_nothing_of_its_state_is_unproven_and_one_that_does_is_proven(registered):
    registered("optimizer", "slow", Slow)
    registered("optimizer", "declared", Declared)
    momentum, l2 = bundled()["optimizer:momentum"].component, bundled()["regularizer:l2"]
    silent = pair(Partner("optimizer", "slow", Slow(momentum)), l2)
    assert (silent.status, "restart(p, state)" in silent.reason) == ("unproven", True)
    assert pair(Partner("optimizer", "slow", Declared(momentum)), l2).status == "proven"


def test_a_meeting_has_the_parts_of_both_and_a_frozen_bias():
    meeting = Meeting((bundled()["optimizer:ema"], bundled()["optimizer:lamb"]))
    spec = meeting.trainer().spec
    assert [type(group.optimizer).__name__ for group in spec.groups] == ["NoneType", "Lamb"]
    assert spec.groups[0].frozen
    before = meeting.trainer()
    meeting.fit(before, 1)
    assert np.all(before.parameters["dense_1/bias"] == 0)
