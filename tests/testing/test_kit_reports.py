"""The kit believes what components declare, and reports what ran, on which engines."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from click.testing import CliRunner

import bpframe as bp
from bpframe import testing
from bpframe.cli import check_request, conformance, main
from bpframe.errors import BrokenComponent, CheckFailed, ConfigError
from bpframe.registry import registry
from bpframe.testing import Report, check_activation, check_layer, check_loss, check_optimizer
from bpframe.testing.report import SkipCheck, run_checks
from bpframe.testing.suite import all_checks
from tests.testing.engine_twins import Eager
from tests.testing.network_twins import Leaky

# ------------------------------------------------------------------------------- what components say about themselves


@dataclass(frozen=True)
class Squares:
    """loss = -sum_c y_c log(p_c^2) / 2, of probabilities."""

    link: ClassVar[str] = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        return -(target * np.log(scores * scores)).sum(axis=-1) / 2, -target / scores

    def encode_target(self, y: Any, learned: Any) -> Any:
        return np.eye(3)[y.astype(int)] if y.ndim == 1 else y


def test_probabilities_of_1e_30_are_looked_at():
    with pytest.raises(CheckFailed, match=r"\n  extremes: result at scores of 1e-30 and 1\['values'\]"):
        check_loss(Squares())


@dataclass(frozen=True)
class Rates:
    """loss = sum_c exp(z_c) - y_c z_c, with the exponential link."""

    link: ClassVar[str] = "exponential"

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        return (np.exp(scores) - target * scores).sum(axis=-1), np.exp(scores) - target


def test_behind_an_exponential_scores_are_as_large_as_their_exponential_can_be():
    assert "extremes" in check_loss(Rates()).passed


@dataclass(frozen=True)
class Doubled:
    """y = 2 x; faults: a slope that is not 2, and a parameter."""

    slope: float = 2.0
    params: tuple[str, ...] = ()

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {name: np.zeros(1) for name in self.params}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        return 2 * x, None

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        return self.slope * dy, dict.fromkeys(self.params, dy[:1, 0] * 0)


@dataclass(frozen=True)
class OfDoubles:
    """loss = sum_c (z_c - y_c)^2 / 2, behind a link that it brings ready-made."""

    slope: float = 2.0
    params: tuple[str, ...] = ()

    @property
    def link(self) -> Any:
        return Doubled(self.slope, self.params)

    def value_and_delta(self, scores: Any, target: Any) -> Any:
        return ((scores - target) ** 2).sum(axis=-1) / 2, scores - target


def test_a_link_that_a_loss_brings_is_checked_as_a_layer():
    assert {"link: gradient of x", "link: purity", "link: parameters"} <= set(check_loss(OfDoubles()).passed)
    with pytest.raises(CheckFailed, match=r"\n  link: gradient of x: "):
        check_loss(OfDoubles(slope=1.0))
    with pytest.raises(CheckFailed, match=r"\n  link: parameters: a link has no parameters"):
        check_loss(OfDoubles(params=("scale",)))
    assert not [name for name in check_loss(Rates()).passed if name.startswith("link:")]


@dataclass(frozen=True)
class Exploding(Leaky):
    """v = exp(u) - 1 above 0, else u / 4."""

    def value(self, u: Any) -> Any:
        return np.where(u > 0, np.expm1(u), u / 4)

    def derivative(self, v: Any) -> Any:
        return np.where(v > 0, v + v.dtype.type(1), v.dtype.type(0.25))


def test_an_exponential_may_be_infinite_where_no_float_is_large_enough():
    assert "extremes" in all_checks("activation", Exploding())
    run_checks("exploding", {"extremes": all_checks("activation", Exploding())["extremes"]})


@dataclass(frozen=True)
class Table:
    """y = w[x], for whole numbers x; `slope` what backward says of x."""

    slope: float = 0.0
    centred: bool = False

    @property
    def coupled(self) -> bool:
        return self.centred

    def example_input(self, rng: Any) -> Any:
        return rng.integers(0, 4, (3, 2)).astype(float)

    def init(self, rng: Any, in_shape: Any) -> Any:
        return {"weight": rng.normal(size=4)}, in_shape

    def forward(self, params: Any, x: Any, context: Any) -> Any:
        y = params["weight"][x.astype(int)]
        return (y - y.mean(axis=0, keepdims=True) if self.centred and len(x) else y), x

    def backward(self, params: Any, cache: Any, dy: Any, context: Any) -> Any:
        dy = dy - dy.mean(axis=0, keepdims=True) if self.centred and len(dy) else dy
        picked = cache[..., None] == np.arange(4)
        return self.slope * cache, {"weight": (dy[..., None] * picked).sum(axis=(0, 1)).astype(dy.dtype)}


@pytest.mark.parametrize(
    ("layer", "skipped"),
    [
        (Table(), {"array api", "gradient of x", "extremes", "json"}),
        (Table(centred=True), {"array api", "gradient of x", "extremes", "additivity", "json"}),
    ],
)
def test_a_layer_is_shown_its_own_example_and_is_believed_that_its_rows_are_coupled(layer, skipped):
    report = check_layer(layer)
    assert set(report.skipped) == skipped
    assert "gradient of parameters" in report.passed


@dataclass(frozen=True)
class Signs:
    """p <- p - reach sign(g), of which lr is no factor."""

    lr: float = 0.01
    scope: ClassVar[str] = "element"
    lr_is_a_factor: ClassVar[bool] = False

    def init(self, p: Any) -> Any:
        return {}

    def update(self, p: Any, g: Any, state: Any, h: Any) -> Any:
        return p - (h.lr + p.dtype.type(1e-3)) * np.sign(g), state


def test_a_rule_whose_lr_is_no_factor_may_move_at_lr_0():
    assert check_optimizer(Signs()).skipped["lr 0"] == "it says that lr is no factor of its steps"


# ------------------------------------------------------------------------------------------------------------- engines


@dataclass(frozen=True)
class Refusing:
    """The engine numpy, which refuses one activation and one loss."""

    def session(self, network: Any, cost: Any, *settings: Any) -> Any:
        if "Configured" in repr(network) or "Huber" in repr(cost.loss):
            raise ConfigError("not today")
        return bp.engines.numpy().session(network, cost, *settings)


@dataclass(frozen=True)
class Broken:
    """An engine that runs nothing."""

    def session(self, *settings: Any) -> Any:
        raise AttributeError("module 'jax' has no attribute 'enable_x64'")


@dataclass(frozen=True)
class Configured(Leaky):
    """v = u above 0, else u / 4."""

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        return [{}, {"fault": "none"}]


def test_an_engine_that_cannot_run_a_component_is_left_out_with_the_reason(registered):
    registered("engine", "refusing", Refusing)
    registered("activation", "configured", Configured)
    report = testing.check("activation", "local/configured", engines=["numpy", "refusing"])
    assert report.engines == ("numpy",)
    assert report.skipped["engine refusing with fault='none'"] == "it does not run there: not today"


def test_an_engine_whose_scores_are_off_fails_the_check_of_a_component(registered):
    registered("engine", "off", lambda: Eager("scores"))
    registered("engine", "same", lambda: Eager(""))
    report = testing.check("loss", "huber", engines=["numpy", "off", "same"], collect=True)
    assert report.engines == ("numpy", "same")
    assert "validation loss on off, compared with numpy" in report.failed["engine off"]


def test_an_engine_counts_only_if_every_configuration_ran_on_it(registered):
    registered("engine", "refusing", Refusing)
    ran = Report("it", ("engine numpy", "engine numpy with a=1", "engine jax"), {}, {"engine jax with a=1": "no"})
    assert ran.engines == ("numpy",)


def test_every_configuration_is_checked_under_its_own_settings(registered):
    registered("activation", "configured", Configured)
    ran = testing.check("activation", "configured").run
    assert len(ran) == 2 * len({name.removesuffix(" with fault='none'") for name in ran})


def test_a_warning_is_a_failure_wherever_the_checks_run():
    @dataclass(frozen=True)
    class Warned(Leaky):
        """v = u above 0, else u / 4."""

        def value(self, u: Any) -> Any:
            warnings.warn("mean of nothing", RuntimeWarning, stacklevel=1)
            return super().value(u)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(CheckFailed, match=r"\n  gradient: raises RuntimeWarning: mean of nothing"):
            check_activation(Warned())


def test_the_command_says_what_passed_what_was_skipped_and_on_which_engines():
    shown = CliRunner().invoke(main, ["check", "loss:huber", "--verbose", "--engine", "numpy"])
    lines = shown.output.splitlines()
    assert shown.exit_code == 0
    assert lines[0].split() == ["component", "run", "passed", "failed", "skipped", "unproven", "engines"]
    assert lines[1].split()[-1] == "numpy"
    assert "  gradient: passed" in lines
    assert any(line.startswith("  kinks: skipped, ") for line in lines)


def test_the_command_tries_the_engines_that_are_named(registered):
    registered("engine", "refusing", Refusing)
    shown = CliRunner().invoke(main, ["check", "loss:huber", "--engine", "refusing", "-v"])
    assert shown.exit_code == 0
    assert shown.output.splitlines()[1].split()[-1] == "numpy"
    assert "  engine local/refusing: skipped, it does not run there: not today" in shown.output


def test_an_engine_that_cannot_be_loaded_is_named_and_harms_no_other_check(monkeypatch):
    load = registry.load

    def broken(kind: str, name: str) -> Any:
        if (kind, name) == ("engine", "jax"):
            raise BrokenComponent("engine 'jax' fails on import")
        return load(kind, name)

    monkeypatch.setattr(registry, "load", broken)
    shown = CliRunner().invoke(main, ["check", "loss:huber"])
    assert shown.exit_code == 0
    assert shown.output.splitlines()[1].endswith(" numpy, reference, onnx, onnx step")
    assert "Engine jax was not tried: engine 'jax' fails on import" in shown.output


def test_an_engine_that_runs_nothing_is_an_error_of_the_command(registered):
    registered("engine", "broken", Broken)
    shown = CliRunner().invoke(main, ["check", "loss:huber", "--engine", "broken"])
    assert shown.exit_code == 1
    assert "fails engine local/broken: the engine local/broken itself does not run" in shown.output
    assert "has no attribute 'enable_x64'" in shown.output


def test_a_plugin_that_says_what_to_install_is_skipped_where_a_broken_one_fails(monkeypatch):
    def load(reason: Exception | None) -> Any:
        cause = ModuleNotFoundError("No module named 'jax'. Install it")
        cause.__cause__ = reason
        raise BrokenComponent("it fails on import") from cause

    provider = registry.find("loss", "huber")
    monkeypatch.setattr(conformance.testing, "check", lambda *_, **__: load(ModuleNotFoundError("jax")))
    assert conformance.check_provider(provider, ["numpy"]).skipped == {"loading": "it fails on import"}
    monkeypatch.setattr(conformance.testing, "check", lambda *_, **__: load(None))
    assert conformance.check_provider(provider, ["numpy"]).failed == {"loading": "it fails on import"}


# ----------------------------------------------------------------------------------------------- what nothing can pass


def leave() -> None:
    raise SystemExit(3)


def skip() -> None:
    raise SkipCheck("no engine")


class Speechless(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def stammer() -> None:
    raise Speechless


def test_where_no_check_ran_none_was_passed():
    with pytest.raises(CheckFailed, match="any check: no check ran: there is none"):
        run_checks("empty", {})
    with pytest.raises(CheckFailed, match="any check: no check ran: trains, no engine"):
        run_checks("skipped", {"trains": skip})
    assert run_checks("one", {"trains": skip, "passes": lambda: None}).passed == ("passes",)


def test_a_check_that_exits_or_cannot_say_why_it_fails_is_a_failed_check():
    report = run_checks("hostile", {"leaves": leave, "stammers": stammer}, collect=True)
    assert report.failed == {
        "leaves": "raises SystemExit: 3",
        "stammers": "raises Speechless (whose own text cannot be made)",
    }


class Unchecked(Leaky):
    """Has no configuration to check."""

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """None."""
        return []


class Untold(Leaky):
    """Cannot say its configurations."""

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """Fails."""
        raise KeyError("nowhere")


def test_the_command_fails_where_nothing_was_checked_and_goes_on_where_a_plugin_fails(monkeypatch):
    monkeypatch.setattr(registry, "_local", {})
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    registry.register("activation", "unchecked", Unchecked)
    registry.register("activation", "untold", Untold)
    alone = CliRunner().invoke(main, ["check", "activation:unchecked", "--engine", "numpy"])
    assert alone.exit_code == 1
    assert "activation:unchecked fails any check: no check ran: there is none" in alone.output
    assert "1 component, 0 checks run, 1 failed" in alone.output
    both = CliRunner().invoke(main, ["check", "local", "--engine", "numpy"])
    assert both.exit_code == 1
    assert "activation:local/untold fails loading: KeyError: 'nowhere'" in both.output


def test_the_command_fails_where_all_it_could_do_was_to_skip(monkeypatch):
    monkeypatch.setattr(
        check_request, "check_reports", lambda *_: [Report("engine:far", skipped={"loading": "no far"})]
    )
    result = CliRunner().invoke(main, ["check", "engine:far", "--engine", "numpy"])
    assert result.exit_code == 1
    assert "0 checks run, 0 failed\nNothing was checked, which counts as a failure" in result.output


class Voiceless(Leaky):
    """Has no repr."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


def test_a_component_whose_repr_fails_is_named_by_its_class_and_fails_the_check_of_it():
    with pytest.raises(CheckFailed, match=r"Voiceless, whose repr fails>: [^$]* repr: raises RuntimeError: no words"):
        check_activation(Voiceless())
