"""Each check of the kit finds the fault that it is for, and passes components without one.

A twin takes the name of a fault; without one it is healthy. The tables say which check must find it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpframe import testing
from bpframe.errors import CheckFailed
from bpframe.registry import registry
from bpframe.testing import check_activation, check_loss
from bpframe.testing.kinds.engines import TRAININGS
from bpframe.testing.report import run_checks
from bpframe.testing.suite import all_checks, check_object
from tests.testing.engine_twins import Eager
from tests.testing.network_twins import (
    Absolute,
    Affine,
    Bounded,
    Critic,
    Leaky,
    Noisy,
    Normal,
    Ranked,
    Running,
    Share,
    Shifted,
    Smooth,
    Tracking,
    Unit,
)
from tests.testing.optimizer_twins import (
    Ascending,
    Averaging,
    Bare,
    Bfgs,
    Curved,
    Descent,
    Gathering,
    Halving,
    Newton,
    Rotated,
    Steepest,
)
from tests.testing.training_twins import Backwards, Box, Error, Falling, Listing, Penalty, Suffixless, Uniform, Words

# ----------------------------------------------------------------------------------------------------------- the tables


GENERAL = {"protocol", "docstring", "repr", "arguments", "json", "nested capabilities", "array api", "engine numpy"}
FAULTS: dict[
    str, list[tuple[Any, str]]
] = {  # by kind, twins and the names of their faults, each found by the check of that name
    "activation": [
        (Leaky, "gradient, kinks, shape, dtype, float32, purity, determinism, extremes, array values"),
        (Bounded, "range"),
    ],
    "layer": [
        (Affine, "init, gradient of x, gradient of parameters, linearity, additivity, need_dx, draws, few rows"),
        (Affine, "dtype, float32, purity, determinism, extremes, refresh, fit, array values"),
        (Shifted, "statistics of a batch"),
        (Tracking, "buffers"),
        (Noisy, "draws"),
        (Unit, "range, checked inputs"),
    ],
    "loss": [
        (Absolute, "link, shape, gradient, kinks, rows, zero weight, dtype, float32, purity, determinism, extremes"),
        (Absolute, "encoded targets, predicted labels, sign, array values"),
        (Normal, "target width, point, drawn targets"),
        (Share, "domain"),
        (Ranked, "class targets, predicted labels"),
    ],
    "optimizer": [
        (Descent, "scope, reference, reference in float32, state, save, dtype, purity, determinism, slices, shapes"),
        (Descent, "schedules, lr 0, quadratic, rosenbrock, extremes, golden, evaluation, parameters, array values"),
        (Curved, "observe, golden"),
        (Ascending, "probe, slices, golden"),
        (Bfgs, "state, save, dtype, purity, determinism, shapes, schedules, quadratic, rosenbrock, flat, golden"),
    ],
    "gradient_step": [
        (Gathering, "scope, shape, state, save, slices, dtype, float32, purity, determinism, schedules, extremes"),
        (Gathering, "applies, period, golden, array values"),
    ],
    "schedule": [(Falling, "values, determinism, resume, over, after")],
    "initializer": [(Uniform, "values, shapes, determinism, moments, engine numpy")],
    "regularizer": [
        (Penalty, "gradient, kinks, pieces, shape, dtype, float32, purity, determinism, schedules, applies"),
        (Penalty, "array values"),
    ],
    "constraint": [
        (Box, "projection, nearest, slices, shape, dtype, float32, purity, determinism, extremes, applies"),
        (Box, "array values"),
    ],
    "sampler": [(Backwards, "rows, purity, determinism")],
    "source": [(Words, "values, determinism, select, gaps, damage")],
    "exporter": [(Listing, "suffixes, bytes, same bytes, model")],
    "engine": [
        (Eager, "levels, weights, scores, blocks, snapshot, assign, copies, collected scores"),
        (Eager, "sums, ends, finite, setting, seed"),
    ],
    "metric": [(Error, "values, weights, order, zero weight, best, float32, purity, determinism")],
}
CAUGHT = [
    (kind, twin, fault, fault) for kind, rows in FAULTS.items() for twin, faults in rows for fault in faults.split(", ")
] + [  # faults that are not named like the check that must find them
    ("activation", Smooth, "", "kinks"),
    ("layer", Affine, "evaluation", "gradient of x"),
    ("layer", Running, "another scale", "buffers"),
    ("loss", Normal, "an idle score", "target width"),
    ("loss", Normal, "half a target", "target width"),
    ("loss", Normal, "the wrong column", "point"),
    ("loss", Normal, "interleaved columns", "point"),
    ("optimizer", Descent, "another mean", "golden"),
    ("optimizer", Ascending, "a probe that stays", "probe"),
    ("loss", Absolute, "no kink", "kinks"),
    ("loss", Absolute, "vanishing", "extremes"),
    ("gradient_step", Gathering, "sums", "slices"),
    ("source", Suffixless, "", "suffixes"),
    *(("engine", Eager, f"training, {name}", f"training, {name}") for name in TRAININGS),
]
TWINS = [(kind, twin) for kind, rows in FAULTS.items() for twin in dict.fromkeys(twin for twin, _ in rows)]
UNPROVEN = [  # faults that no law can tell, and the check that says so; without a fault it says the same
    ("layer", Running, "buffers", "buffers"),
    ("loss", Normal, "a far point", "point"),
    ("loss", Critic, "", "sign"),
    ("optimizer", Bare, "reference", "reference"),
    ("optimizer", Bare, "reference", "reference in float32"),
    ("optimizer", Rotated, "a basis that stays", "golden"),
    ("optimizer", Newton, "", "observe"),
    ("optimizer", Steepest, "", "golden"),
    ("optimizer", Averaging, "", "evaluation"),
    ("gradient_step", Halving, "", "golden"),
]


@pytest.mark.parametrize(("kind", "twin", "fault", "name"), CAUGHT)
def test_a_fault_is_found_by_the_check_that_is_for_it(kind, twin, fault, name):
    check = all_checks(kind, twin(fault))[name]
    with pytest.raises(CheckFailed, match=f"\n  {name}: "):
        run_checks(kind, {name: check})


@pytest.mark.parametrize(("kind", "twin", "fault", "name"), UNPROVEN)
def test_a_fault_that_no_law_can_tell_is_said_to_be_unproven(kind, twin, fault, name):
    report = check_object(kind, twin(fault) if fault else twin())
    assert name in report.unproven
    assert name not in (*report.run, *report.skipped)


@cache
def healthy(kind, twin):
    """The report on a twin without a fault."""
    return check_object(kind, twin())


@pytest.mark.parametrize(("kind", "twin"), TWINS)
def test_the_same_component_without_a_fault_passes_every_check(kind, twin):
    report = healthy(kind, twin)
    assert report.passed == report.run
    assert report.engines == (
        ("numpy",) if kind not in ("source", "engine", "exporter") else ()
    )  # which train on no other


@pytest.mark.parametrize("kind", FAULTS)
def test_no_check_of_a_kind_is_without_a_fault_that_it_finds(kind):
    ran = {name for k, twin in TWINS if k == kind for name in healthy(k, twin).run}
    assert ran - GENERAL == {name for k, _, _, name in CAUGHT if k == kind} - GENERAL


# --------------------------------------------------------------------------------------- what every component is asked


class Shapeless:
    """v = u."""

    def value(self, u: Any) -> Any:
        return u


@dataclass(frozen=True)
class Undocumented:
    fault: str = ""

    def value(self, u: Any) -> Any:
        return u

    def derivative(self, v: Any) -> Any:
        return np.ones_like(v)


class Wordy(Undocumented):
    """The value itself."""


class Nameless(Undocumented):
    """v = u."""

    def __repr__(self) -> str:
        return "<nameless>"


class Forgetful(Undocumented):
    """v = u."""

    def __init__(self, slope: float = 1.0) -> None:
        super().__init__(f"{slope}")
        object.__setattr__(self, "slope", 2 * slope)

    def __repr__(self) -> str:
        return f"Forgetful({self.slope})"


class Listed(Undocumented):
    """v = u."""

    def __init__(self, levels: Any = (1.0, 2.0)) -> None:
        object.__setattr__(self, "levels", levels)

    def __repr__(self) -> str:
        return f"Listed({self.levels})"


@pytest.mark.parametrize(
    ("component", "name", "message"),
    [
        (Shapeless, "protocol", "lacks derivative"),
        (Undocumented, "docstring", "needs a docstring"),
        (Nameless, "repr", "must be an expression that makes the component again"),
        (Forgetful, "arguments", r"must be Forgetful\(2.0\), got Forgetful\(4.0\)"),
        (Forgetful, "repr", r"must be Forgetful\(2.0\), got Forgetful\(4.0\)"),
        (Listed, "json", r"must be Listed\(\(1.0, 2.0\)\), got Listed\(\[1.0, 2.0\]\)"),
    ],
)
def test_what_every_component_is_asked_for_is_missed(component, name, message, registered):
    if name == "json":
        registered("activation", "listed", component)
        registry.load("activation", "listed")
    with pytest.raises(CheckFailed, match=f"\n  {name}: .*{message}"):
        check_activation(component())


def test_the_smallest_plugin_of_the_readme_passes():
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(class Cauchy:.*?)```", text, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(code, scope)
    report = check_loss(scope["Cauchy"]())
    assert "gradient" in report.passed
    assert report.skipped["repr"].startswith("it has the repr of every object")


def test_without_the_protocol_no_other_check_is_made():
    with pytest.raises(CheckFailed) as caught:
        check_activation(Shapeless())
    assert "1 checks run, 1 failed, 4 skipped" in str(caught.value)


def test_examples_that_cannot_be_made_are_a_failure_of_their_own():
    class Exampleless(Absolute):
        """loss = |z - y|."""

        def example(self, rng: Any) -> Any:
            raise KeyError("none")

    with pytest.raises(CheckFailed, match=r"\n  examples: raises KeyError: 'none'"):
        check_loss(Exampleless())


@pytest.mark.parametrize("kind", list(FAULTS))
def test_there_is_a_public_check_for_each_kind(kind):
    for k, twin in TWINS:
        if k == kind:
            assert getattr(testing, f"check_{kind}")(twin()).run == healthy(kind, twin).run
