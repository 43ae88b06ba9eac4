"""What components tell the kit: each member is read, is named where its lack is why a check fails, and is believed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import bpframe
from bpframe.errors import CheckFailed
from bpframe.testing import check, check_activation, check_layer, check_loss, check_metric, check_regularizer
from bpframe.testing.members import MEMBERS, KitMember
from tests.testing.network_twins import Leaky, Normal

KIT = Path(bpframe.__file__).parent
SOURCES = "\n".join(
    file.read_text(encoding="utf-8")
    for file in [*(KIT / "testing").rglob("*.py"), KIT / "protocols" / "traits.py"]
    if file.name != "members.py"
)


@pytest.mark.parametrize("member", MEMBERS, ids=[f"{member.kinds[0]} {member.name}" for member in MEMBERS])
def test_a_member_of_the_list_is_read_by_the_kit(member: KitMember):
    assert f'"{member.name}"' in SOURCES
    assert member.form.startswith(member.name)


@dataclass(frozen=True)
class Roots:
    """loss = sum_c (z_c - sqrt(y_c))^2, of targets that normal numbers are not."""

    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        r = scores - np.where(target < 0, np.nan, np.sqrt(abs(target)))
        return (r * r).sum(axis=-1), 2 * r


def test_a_loss_that_needs_its_own_example_is_told_so_by_every_check_that_fails():
    with pytest.raises(CheckFailed) as caught:
        check_loss(Roots())
    _, *failures = str(caught.value).splitlines()
    assert failures
    assert all("add example(rng) -> (scores, target)" in failure for failure in failures)


@dataclass(frozen=True)
class Scaled(Leaky):
    """v = u above 0, else u / 4; needs a scale from 1 on, and does nothing with it."""

    scale: float = field(kw_only=True)

    def __post_init__(self) -> None:
        if self.scale < 1:
            raise ValueError(f"scaled needs a scale from 1 on, got {self.scale}.")


def test_a_component_that_refuses_arguments_that_were_made_up_is_told_how_to_give_its_own(registered):
    registered("activation", "scaled", Scaled)
    with pytest.raises(CheckFailed, match=r"from 1 on, got 0.5.* made up, .* add example_configs\(\)"):
        check("activation", "scaled")


@dataclass(frozen=True)
class Means:
    """y = x - mean over the rows, which needs a row."""

    fault: str = ""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        assert len(x)
        return x - x.mean(axis=0), None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return dy - dy.mean(axis=0), {}


class CoupledMeans(Means):
    """y = x - mean over the rows, which needs a row."""

    coupled: ClassVar[bool] = True


def test_a_layer_whose_rows_are_coupled_is_given_no_batch_of_none():
    with pytest.raises(CheckFailed, match=r"(?s)few rows: raises AssertionError.* If its rows .* add coupled = True\."):
        check_layer(Means())
    assert "few rows" in check_layer(CoupledMeans()).passed


@dataclass(frozen=True)
class Overlap:
    """loss = 1 - (2 sum p y + 1) / (sum p + sum y + 1) over the batch, p = sigmoid(z), which needs a row."""

    link: ClassVar[str] = "sigmoid"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        assert len(scores)
        p = 1 / (1 + np.exp(-np.clip(scores, -80, 80)))
        both, sizes = 2 * (p * target).sum() + 1, (p + target).sum() + 1
        inside = (abs(scores) < 80).astype(scores.dtype)
        return np.asarray(1 - both / sizes), (both - 2 * target * sizes) / sizes**2 * p * (1 - p) * inside


def test_a_loss_that_couples_its_rows_is_given_no_batch_of_none():
    assert {"shape", "sign"} <= set(check_loss(Overlap()).passed)


@dataclass(frozen=True)
class Concordance:
    """The share of pairs in which the larger prediction has the larger target, of rows with a weight."""

    of: ClassVar[str] = "predictions"
    best: ClassVar[str] = "max"

    def value(self, prediction: Any, target: Any, weight: Any) -> float:
        p, y = prediction[weight > 0, 0], target[weight > 0, 0]
        return float(np.mean((p[:, None] > p) == (y[:, None] > y)))


class Ranks(Concordance):
    """The same, which says that rows are no counts."""

    counts_rows: ClassVar[bool] = False


def test_a_metric_of_ranks_is_not_asked_whether_a_weight_of_2_is_two_rows():
    with pytest.raises(CheckFailed, match=r"\n  weights: .* If it ranks rows, .* add counts_rows = False\.$"):
        check_metric(Concordance())
    assert {"weights", "zero weight"} <= set(check_metric(Ranks()).passed)


# ----------------------------------------------------------------------------------------------------------- surrogates


class Threshold(Leaky):
    """v = 1 above 0, else 0, with the slope of the identity."""

    def value(self, u: Any) -> Any:
        return (u > 0).astype(u.dtype)

    def derivative(self, v: Any) -> Any:
        return np.ones_like(v)


class StraightThrough(Threshold):
    """v = 1 above 0, else 0, with the slope of the identity."""

    surrogate: ClassVar[str] = "straight through: a step has no slope"


class Reversal:
    """y = x, with the gradient turned round."""

    surrogate: ClassVar[str] = "the layers below learn the opposite"

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return x, None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return -dy, {}


@dataclass(frozen=True)
class BetaNll:
    """loss = (s + r^2 exp(-s)) / 2, r = mu - y; slopes times exp(s beta).  Source: Seitzer et al. (2022)."""

    beta: float = 0.5
    link: ClassVar[str] = "identity"
    surrogate: ClassVar[str] = "slopes are weighted by the variance, which itself gets none for it"

    def target_width(self, outputs: int) -> int:
        if outputs != 2:
            raise ValueError(f"needs 2 scores, got {outputs}")
        return 1

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        r, s = scores[:, :1] - target, np.clip(scores[:, 1:], -10, 10)
        share, weight = r * r * np.exp(-s), np.exp(self.beta * s)
        delta = np.concatenate([r * np.exp(-s), (1 - share) / 2], axis=1) * weight
        return (s + share).sum(axis=1) / 2, delta

    def example(self, rng: Any) -> Any:
        return rng.normal(size=(5, 2)), rng.normal(size=(5, 1))


class Silent(Threshold):
    """v = 1 above 0, else 0, with the slope of the identity, and no word why."""

    surrogate: ClassVar[str] = ""


def test_a_slope_that_is_meant_not_to_be_the_gradient_is_shown_in_the_report_and_not_compared():
    with pytest.raises(CheckFailed, match=r'\n  gradient: .* add surrogate = "why"\.'):
        check_activation(Threshold())
    reports = check_activation(StraightThrough()), check_layer(Reversal()), check_loss(BetaNll())
    for report, name in zip(reports, ("gradient", "gradient of x", "gradient"), strict=True):
        assert report.skipped[name] == "its slope is meant not to be the gradient"
        assert report.remarks["surrogate"].startswith("its slope is meant not to be the gradient: ")
        assert "straight through: a step" in str(reports[0])


class Reversed(Normal):
    """loss = sum (s + (mu - y)^2 exp(-s)) / 2, with a little of its slope, turned round."""

    surrogate: ClassVar[str] = "an adversary climbs"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        value, delta = super().value_and_delta(scores, target)
        return value, -delta / 1000


class Clipped(Normal):
    """loss = sum (s + (mu - y)^2 exp(-s)) / 2, whose slope is the gradient wherever the kit looks."""

    surrogate: ClassVar[str] = "beyond its bounds it leads back"


def test_a_surrogate_that_is_the_gradient_nearly_everywhere_is_proven_there():
    report = check_loss(Clipped())
    assert {"gradient", "point", "drawn targets"} <= set(report.passed)
    assert report.remarks.keys() == {"surrogate"}


def test_no_scores_are_fitted_down_a_surrogate():
    report = check_loss(Reversed())
    assert "point" in report.unproven
    assert {"sign", "target width"} <= set(report.passed)


def test_a_surrogate_says_why():
    with pytest.raises(CheckFailed, match="surrogate must say in words why"):
        check_activation(Silent())


def test_a_penalty_may_have_a_surrogate_too():
    class Count:
        """penalty = number of weights that are not 0, with the slope of |p|."""

        surrogate: ClassVar[str] = "a count has no slope"

        def value_and_gradient(self, p: Any, h: Any) -> Any:
            return np.asarray((p != 0).sum(), dtype=p.dtype), np.sign(p)

    assert "gradient" in check_regularizer(Count()).skipped


# ---------------------------------------------------------------------------------------------------------- docstrings


class Wordy(Leaky):
    """The value itself, or a quarter of it."""


def test_a_docstring_without_a_formula_is_a_remark_about_what_others_write(registered):
    assert "needs a formula" in check_activation(Wordy()).remarks["docstring"]
    registered("activation", "wordy", Wordy)
    report = check("activation", "wordy")
    assert "docstring" in report.passed
    assert "needs a formula" in str(report)
