"""The kit proves that a component's exports compute what it does: predictions in ONNX, and steps of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import bpframe as bp
from bpframe.cli.conformance import engine_names
from bpframe.testing.laws.exported_training import FORMS
from bpframe.testing.report import run_checks
from bpframe.testing.suite import all_checks

PROVEN = [
    ("activation", "gelu"),
    ("layer", "batch_norm"),
    ("layer", "select"),
    ("layer", "lstm"),
    ("loss", "focal"),
    ("optimizer", "sophia_g"),
    ("gradient_step", "clip_global_norm"),
    ("regularizer", "activity"),
    ("constraint", "max_norm"),
    ("schedule", "one_cycle"),
]


@pytest.mark.parametrize(("kind", "name"), PROVEN)
def test_components_are_proven_in_onnx_and_in_an_onnx_step(kind, name):
    report = bp.testing.check(kind, name, engines=FORMS, collect=True)
    proofs = {check: text for check, text in report.failed.items() if check.startswith("engine ")}
    assert not proofs
    assert report.engines == FORMS


def test_what_has_no_part_in_a_step_or_cannot_be_exported_is_not_listed():
    assert bp.testing.check("metric", "accuracy", engines=FORMS, collect=True).engines == ("onnx",)
    report = bp.testing.check("optimizer", "lbfgs", engines=FORMS, collect=True)
    assert report.engines == ("onnx",)
    assert "calls the objective" in report.skipped["engine onnx step"]


@dataclass(frozen=True)
class Doubling:
    """y = 2 x; a `fault` shows where arrays are recorded alone, or draws."""

    fault: str = ""

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        if self.fault == "draws":
            return 2 * x * (1 + 0 * np.random.default_rng().random()), None
        there = self.fault == "forward" or (self.fault == "training" and context.training)
        factor = 3 if there and type(x) is not np.ndarray else 2
        return factor * x, None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return 2 * dy, {}


def proofs(fault: str) -> Any:
    """The report of the proofs alone."""
    bp.register("layer", "doubling", Doubling, replace=True)
    layer: Any = Doubling(fault)
    checks = {n: c for n, c in all_checks("layer", layer, ("numpy", *FORMS)).items() if n.startswith("engine ")}
    return run_checks("layer doubling", checks, collect=True)


def test_a_form_that_computes_otherwise_is_found():
    assert proofs("").engines == ("numpy", *FORMS)
    assert "cannot be exported" in str(proofs("forward").skipped["engine onnx"])
    assert "parameters/dense" in proofs("training").failed["engine onnx step"]


def test_the_command_tries_the_forms_among_the_engines():
    assert engine_names(FORMS) == ["numpy", *FORMS]
    assert engine_names(()) == ["numpy", "jax", "reference", *FORMS]
