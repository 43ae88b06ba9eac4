"""Tuning points are the same for every rule, and every bundled rule says where it is searched, and why there."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from bpframe.errors import ConfigError
from bpframe.registry import build, registry
from bpframe.studies.contestant import Contestant, parse_contestant, with_sanity_rows
from bpframe.studies.tuning import halton, tuning_points, tuning_ranges

ALONE = {"lbfgs"}  # searches along the objective
REQUIRED: dict[str, dict[str, Any]] = {
    **{name: {"inner": "momentum"} for name in ("cautious", "ema", "lookahead", "sam")},
    "swa": {"inner": "momentum", "start": 30},
}
RULES = sorted(set(registry.names("optimizer")) - ALONE)


def test_points_are_those_of_halton() -> None:
    assert [halton(i, 2) for i in range(1, 8)] == [1 / 2, 1 / 4, 3 / 4, 1 / 8, 5 / 8, 3 / 8, 7 / 8]
    assert [halton(i, 3) for i in range(1, 5)] == pytest.approx([1 / 3, 2 / 3, 1 / 9, 4 / 9])


def test_ranges_are_searched_evenly_in_the_logarithm_and_lists_by_their_places() -> None:
    points = tuning_points({"lr": (1e-4, 1.0), "kind": ["a", "b", "c"]}, 1, 3)
    assert [p["lr"] for p in points] == pytest.approx([1e-2, 1e-3, 1e-1])
    assert [p["kind"] for p in points] == ["b", "c", "a"]
    assert tuning_points({"lr": (1e-4, 1.0)}, 3, 1) == [{"lr": 0.1}]


@pytest.mark.parametrize("name", RULES)
def test_every_bundled_rule_has_a_space_with_its_source_that_it_can_be_built_in(name: str) -> None:
    spec = {"name": name, **REQUIRED.get(name, {})}
    rule: Any = build("optimizer", spec)
    assert type(rule).tuning_space["source"], "no source"
    ranges, source, scheduled = tuning_ranges(rule)
    one = Contestant(name, "optimizer", spec, ranges=ranges, source=source, scheduled=scheduled)
    assert ranges
    for settings in tuning_points(ranges, 1, 15):
        build("optimizer", one.optimizer(settings, 40))


@pytest.mark.parametrize("name", RULES)
def test_a_space_that_is_said_to_lie_round_the_default_does(name: str) -> None:
    spec = {"name": name, **REQUIRED.get(name, {})}
    rule: Any = build("optimizer", spec)
    space = type(rule).tuning_space
    if "three decades round" not in space["source"]:
        return
    for path in ("lr", "others.lr"):
        if path in space:
            low, high = space[path]
            assert high / low == pytest.approx(1000, rel=0.01), path
            assert (low * high) ** 0.5 == pytest.approx(operator.attrgetter(path)(rule), rel=0.3), path


def test_the_rules_are_those_that_are_installed() -> None:
    own = {p.name for p in registry.providers() if p.kind == "optimizer" and p.dist == "bpframe"}
    assert set(RULES) >= own - ALONE
    assert len(own) > 30


@dataclass(frozen=True)
class Plain:
    lr: float = 0.01


@dataclass(frozen=True)
class Around:
    inner: Any
    tuning_space: ClassVar[dict[str, Any]] = {"rho": [0.1, 0.2], "source": "me"}


@dataclass(frozen=True)
class Wrong:
    lr: float = 0.1
    tuning_space: ClassVar[dict[str, Any]] = {"lr": (1.0, 0.1)}


def test_without_a_space_the_rate_is_searched_over_three_decades_round_its_default() -> None:
    ranges, source, scheduled = tuning_ranges(Plain())
    low, high = ranges["lr"]
    assert (high / low, (high * low) ** 0.5) == pytest.approx((1000, 0.01))
    assert "declares no space" in source
    assert scheduled


def test_a_rule_around_another_is_searched_where_both_are() -> None:
    ranges, source, _ = tuning_ranges(Around(build("optimizer", "adam")))
    assert ranges == {"rho": [0.1, 0.2], "inner.lr": (3e-05, 0.03)}
    assert source.startswith("me; ")


def test_a_space_of_another_form_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"tuning_space of Wrong needs \(low, high\) with 0 < low < high"):
        tuning_ranges(Wrong())
    with pytest.raises(ConfigError, match="needs a tuning_space to be tuned, or a learning rate"):
        tuning_ranges(object())


def test_rates_stay_and_fall_in_the_last_quarter_but_those_that_are_to_stay() -> None:
    falling = {"name": "warmup_stable_decay", "peak": 0.5, "warmup": 0, "decay": 10}
    assert parse_contestant("adam").optimizer({"lr": 0.5}, 40)["lr"] == falling
    assert parse_contestant("schedule_free_sgd").optimizer({"lr": 0.5}, 40)["lr"] == 0.5
    inner = parse_contestant("ema(inner=adam)").optimizer({"inner.lr": 0.5}, 40)
    assert inner["inner"]["lr"] == falling
    assert parse_contestant("prodigy").optimizer({"d_coef": 2.0}, 40)["lr"] == {**falling, "peak": 1.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("activation:relu", "is between optimizers, or between losses"),
        ("lbfgs", "is between rules that follow gradients of batches"),
        ("adam(", "needs NAME, loss:NAME"),
        ("ema", "inner"),
        ("adam(beta3=1)", "beta3"),
    ],
)
def test_what_cannot_be_compared_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_contestant(text)


def test_arguments_of_a_contestant_are_kept() -> None:
    assert parse_contestant("optimizer:adam(beta1=0.8, eps=1e-6)").spec == {"name": "adam", "beta1": 0.8, "eps": 1e-6}


def test_sanity_rows_are_added_once_and_twins_refused() -> None:
    rows = with_sanity_rows([parse_contestant("adam"), parse_contestant("lion")])
    assert [row.title for row in rows] == ["adam", "lion", "sgd", "adam, defaults", "nothing"]
    losses = [parse_contestant("loss:mse"), parse_contestant("loss:huber")]
    assert with_sanity_rows(losses) == losses
    for wrong in (["adam", "adam"], ["adam"], ["adam", "loss:mse"]):
        with pytest.raises(ConfigError, match="needs two optimizers or more"):
            with_sanity_rows([parse_contestant(name) for name in wrong])
