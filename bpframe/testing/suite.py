"""All checks of an installed component, by kind and name."""

from __future__ import annotations

import inspect
import json
from functools import partial
from typing import Any

from bpframe.errors import CheckFailed
from bpframe.registry import build, registry
from bpframe.registry.annotations import Wanted, wanted
from bpframe.registry.builder import parameters
from bpframe.registry.describe import describe
from bpframe.registry.policy import normalise
from bpframe.testing import others
from bpframe.testing.activations import activation_checks
from bpframe.testing.comparison import require
from bpframe.testing.layers import layer_checks
from bpframe.testing.losses import loss_checks
from bpframe.testing.optimizers import optimizer_checks
from bpframe.testing.report import Check, Report, require_all, run_checks

IN_SHAPE = (5,)
BY_KIND: dict[str, Any] = {
    "activation": activation_checks,
    "layer": partial(layer_checks, in_shape=IN_SHAPE),
    "loss": loss_checks,
    "optimizer": optimizer_checks,
    "schedule": others.schedule_checks,
    "initializer": others.initializer_checks,
    "metric": others.metric_checks,
    "regularizer": others.regularizer_checks,
    "constraint": others.constraint_checks,
    "sampler": others.sampler_checks,
    "gradient_step": others.gradient_step_checks,
}


def check(kind: str, name: str, *, collect: bool = False) -> Report:
    """The report on an installed component, made with its defaults; CheckFailed on failures, unless `collect`.

    Arguments without a default come from the class method `example_configs() -> list[dict]`, if it has one: each
    configuration is then checked. Otherwise they are made up by their annotations.
    """
    provider = registry.find(kind, name)
    component = registry.load(kind, name)
    configs = component.example_configs() if hasattr(component, "example_configs") else [_arguments(component)]
    checks: dict[str, Check] = {}
    for i, config in enumerate(configs):
        made = build(kind, {"name": provider.ref, **config})
        suffix = f" {i + 1}" if len(configs) > 1 else ""
        checks |= {f"{title}{suffix}": check for title, check in _checks(kind, made).items()}
    return run_checks(f"{kind}:{name}", checks, collect)


def check_distribution(dist: str, *, collect: bool = False) -> list[Report]:
    """A report for each component of a distribution; CheckFailed listing every failure, unless `collect`."""
    offered = [provider for provider in registry.providers() if provider.dist == normalise(dist)]
    if not offered:
        raise CheckFailed(f"no installed distribution {dist} offers components. Is it installed?")
    reports = [check(provider.kind, provider.ref, collect=True) for provider in offered]
    if not collect:
        require_all(reports)
    return reports


def _checks(kind: str, component: Any) -> dict[str, Check]:
    own = BY_KIND.get(kind, partial(others.protocol_checks, kind))(component)
    return {**own, "docstring": partial(_documented, component), "arguments": partial(_described, kind, component)}


def _documented(component: Any) -> None:
    require(vars(type(component)).get("__doc__"), "the class needs a docstring: formula, shapes, source")


def _described(kind: str, component: Any) -> None:
    """Arguments come back from the attributes of their names, survive JSON, and build an equal component."""
    spec = describe(registry, kind, component)
    again = describe(registry, kind, build(kind, json.loads(json.dumps(spec))))
    require(again == spec, f"arguments must survive JSON: {spec} became {again}")


def _arguments(component: Any) -> dict[str, Any]:
    """Values for the arguments that have no default."""
    required = {name: p for name, p in parameters(component).items() if p.default is inspect.Parameter.empty}
    return {name: _made_up(wanted(parameter)) for name, parameter in required.items()}


def _made_up(want: Wanted) -> Any:
    if want.kind:
        return "tanh" if want.kind == "activation" else registry.names(want.kind)[0]
    return {"float": 0.5, "int": 3, "bool": True, "str": "text"}.get(next(iter(want.alternatives), "float"), 0.5)
