"""Every bundled component computes by the Array API standard alone, on any device; the check finds what does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import array_api_strict
import numpy as np
import pytest

from bpframe import ops
from bpframe.errors import CheckFailed
from bpframe.registry import build, registry
from bpframe.testing.kinds.strict_arrays import BY_KIND, array_api_checks
from bpframe.testing.report import CheckReport, run_checks
from bpframe.testing.suite import check, configs_to_check

BUNDLED = [
    (provider.kind, provider.name)
    for provider in registry.providers()
    if provider.dist == "bpframe" and provider.kind in BY_KIND and provider.name != "lbfgs"  # which runs on the host
    if provider.kind != "callback" or hasattr(registry.load("callback", provider.name), "measure")
    if provider.kind != "metric" or hasattr(registry.load("metric", provider.name), "row_values")  # so do others
]


def report(kind: str, component: Any) -> CheckReport:
    return run_checks("it", array_api_checks(kind, component), collect=True)


@pytest.mark.parametrize(("kind", "name"), BUNDLED, ids=[f"{kind}:{name}" for kind, name in BUNDLED])
def test_a_bundled_component_needs_nothing_but_the_standard(kind: str, name: str):
    for config in configs_to_check(registry.load(kind, name)):
        found = report(kind, build(kind, {"name": name, **config}))
        assert found.passed == ("array values", "array api"), (config, found.failed, found.skipped)


def test_a_minimizer_is_not_asked():
    assert report("optimizer", build("optimizer", "lbfgs")).skipped["array api"] == "a minimizer runs on the host"


@dataclass(frozen=True)
class Shift:
    """v = u + 0, with a fault."""

    fault: str

    def value(self, u: Any) -> Any:
        """v."""
        xp = ops.namespace(u)
        if self.fault == "NumPy":
            return np.tanh(u)
        if self.fault == "another device":
            return u + xp.zeros((1,), dtype=u.dtype)
        if self.fault == "float64":
            return xp.astype(xp.astype(u, xp.float64), u.dtype)
        if self.fault == "other numbers" and not isinstance(u, np.ndarray):
            return u + 1e-3
        return u + xp.zeros((1,), dtype=u.dtype, **ops.placement(u))

    def derivative(self, v: Any) -> Any:
        """1."""
        return ops.namespace(v).ones_like(v)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("another device", "fails on device1 of array-api-strict: .*placement"),
        ("float64", "fails on no_float64 of array-api-strict"),
        ("other numbers", r"result\['value'\] on array-api-strict"),
    ],
)
def test_a_component_that_errs_on_another_device_fails(fault: str, words: str):
    with pytest.raises(CheckFailed, match=words):
        run_checks("it", array_api_checks("activation", Shift(fault)))


def test_a_component_of_numpy_alone_is_said_to_be_one():
    assert "NumPy's arrays alone" in report("activation", Shift("NumPy")).skipped["array api"]
    assert report("activation", Shift("")).passed == ("array values", "array api")


def test_the_check_leaves_the_settings_of_the_library_as_they_were():
    before = array_api_strict.get_array_api_strict_flags()
    report("activation", Shift(""))
    assert array_api_strict.get_array_api_strict_flags() == before


def test_the_check_belongs_to_the_kit():
    assert "array api" in check("activation", "tanh", engines=()).passed


def test_a_placement_is_that_of_the_array():
    device = array_api_strict.Device("device1")
    x = array_api_strict.asarray([1.0], device=device)
    assert ops.placement(x) == {"device": device}
    assert ops.placement(np.ones(1)) == {}
