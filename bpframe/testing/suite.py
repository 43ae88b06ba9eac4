"""The suite of all checks of a component: an installed one by kind and name, or any object."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

from bpframe.errors import BpframeError, CheckFailed, TrainingWarning
from bpframe.protocols.traits import example_configs
from bpframe.registry import build, registry
from bpframe.registry.annotations import Wanted, wanted
from bpframe.registry.constructor import Component, required_arguments
from bpframe.registry.kinds import KINDS
from bpframe.registry.labelled import unlabelled
from bpframe.registry.policy import normalise
from bpframe.registry.safe_text import error_text, object_text
from bpframe.testing.check_counts import require_counts
from bpframe.testing.expected_failures import recorded_failures, with_expected
from bpframe.testing.kinds.activations import activation_checks
from bpframe.testing.kinds.any_component import component_checks
from bpframe.testing.kinds.augmentations import augmentation_checks
from bpframe.testing.kinds.constraints import constraint_checks
from bpframe.testing.kinds.engines import engine_checks
from bpframe.testing.kinds.exporters import exporter_checks
from bpframe.testing.kinds.followed_schedules import scheduled_argument_checks
from bpframe.testing.kinds.gradient_steps import gradient_step_checks
from bpframe.testing.kinds.initializers import initializer_checks
from bpframe.testing.kinds.layers import layer_checks
from bpframe.testing.kinds.losses import loss_checks
from bpframe.testing.kinds.metrics import metric_checks
from bpframe.testing.kinds.optimizers import optimizer_checks
from bpframe.testing.kinds.regularizers import regularizer_checks
from bpframe.testing.kinds.samplers import sampler_checks
from bpframe.testing.kinds.schedules import schedule_checks
from bpframe.testing.kinds.sources import source_checks
from bpframe.testing.kinds.strict_arrays import array_api_checks
from bpframe.testing.kinds.surrogates import surrogate_checks
from bpframe.testing.laws.exported_training import FORMS, missing_modules, require_export, require_exported_step
from bpframe.testing.laws.short_training import require_training
from bpframe.testing.members import ARGUMENTS, remedy
from bpframe.testing.report import (
    ENGINE,
    Check,
    CheckReport,
    Remark,
    SkipCheck,
    Unproven,
    require_all,
    run_checks,
)

BY_KIND: dict[str, Callable[..., dict[str, Check]]] = {
    "activation": activation_checks,
    "layer": layer_checks,
    "loss": loss_checks,
    "optimizer": optimizer_checks,
    "schedule": schedule_checks,
    "initializer": initializer_checks,
    "metric": metric_checks,
    "regularizer": regularizer_checks,
    "constraint": constraint_checks,
    "augmentation": augmentation_checks,
    "sampler": sampler_checks,
    "source": source_checks,
    "gradient_step": gradient_step_checks,
    "engine": engine_checks,
    "exporter": exporter_checks,
}
TRAINED = KINDS.keys() - {"source", "engine", "exporter"}  # kinds with a part in a training of any engine
REQUIRED_ENGINES = (
    "numpy",
)  # the engine that every component must run on; others compile each component, which takes seconds


def check(kind: str, name: str, *, engines: Sequence[str] = REQUIRED_ENGINES, collect: bool = False) -> CheckReport:
    """The report on an installed component, built with its defaults; CheckFailed on failures, unless `collect`.

    Arguments without a default come from the class method `example_configs() -> list[dict]`, if it has one: each
    configuration is then checked, and the names of its checks end with its settings. Otherwise placeholders are
    chosen by annotation. `engines`: names of engines on which a short training with the component is tried.
    """
    provider = registry.find(kind, name)
    component = registry.load(kind, name)
    configs = configs_to_check(component)
    checks: dict[str, Check] = {}
    for config in configs:
        instance = _built(kind, provider.ref, component, config)
        settings = ", ".join(f"{key}={value!r}" for key, value in config.items()) if len(configs) > 1 else ""
        suffix = f" with {settings}" if settings else ""
        checks |= {f"{title}{suffix}": check for title, check in all_checks(kind, instance, engines).items()}
    return run_checks(f"{kind}:{name}", checks, collect)


def _built(kind: str, ref: str, component: Component, config: dict[str, Any]) -> object:
    """The component with a configuration; where that was made up and is refused, an error that says what to add."""
    try:
        return build(kind, {"name": ref, **config})
    except Exception as error:
        if not config or example_configs(component) is not None:
            raise
        text = str(error) if isinstance(error, BpframeError) else error_text(error)
        raise CheckFailed(f"{text} {remedy(kind, component, ARGUMENTS)}") from error


def configs_to_check(component: Any) -> list[dict[str, Any]]:
    """Configurations to check: the component's `example_configs()`, or placeholders for required arguments."""
    examples = example_configs(component)
    return [_placeholders(component)] if examples is None else examples


def check_distribution(
    dist: str, *, engines: Sequence[str] = REQUIRED_ENGINES, collect: bool = False
) -> list[CheckReport]:
    """A report for each component of a distribution; CheckFailed that lists all failures, unless `collect`.

    It fails, too, where fewer checks ran than the distribution records in `[tool.bpframe.check]` of its pyproject.toml
    (`bpframe check DISTRIBUTION --counts` shows them). Failures that it records in `[tool.bpframe.xfail]` are expected.
    """
    offered = [provider for provider in registry.providers() if provider.dist == normalise(dist)]
    if not offered:
        raise CheckFailed(f"no installed distribution {dist} offers components. Is it installed?")
    reasons = recorded_failures(normalise(dist))
    reports = [
        with_expected(check(provider.kind, provider.ref, engines=engines, collect=True), reasons)
        for provider in offered
    ]
    if not collect:
        require_all(reports)
        require_counts(normalise(dist), reports, engines)
    return reports


def check_object(kind: str, component: object, **options: Any) -> CheckReport:
    """The report on an object of a kind; CheckFailed on failures."""
    return run_checks(f"{kind} {object_text(component)}", all_checks(kind, component, **options))


def all_checks(
    kind: str, component: object, engines: Sequence[str] = REQUIRED_ENGINES, **options: Any
) -> dict[str, Check]:
    """The checks by name: those of every component, those of its kind, and one for each engine."""
    component = unlabelled(component)
    general = component_checks(kind, component)
    if registry.kind(kind).missing(component):
        return general
    try:
        of_kind = BY_KIND[kind](component, **options) if kind in BY_KIND else {}
    except Exception as error:
        of_kind = {"examples": partial(_raise, error)}
    of_kind |= surrogate_checks(component, of_kind)
    tried = engines if kind in TRAINED else ()
    trainings = {f"{ENGINE}{name}": partial(_proof(name), name, kind, component) for name in tried}
    special: dict[str, Check] = {
        **of_kind,
        **array_api_checks(kind, component),
        **scheduled_argument_checks(kind, component),
        **trainings,
    }
    return {
        **general,
        **{name: partial(_check_or_remedy, check, remedy(kind, component, name)) for name, check in special.items()},
    }


def _check_or_remedy(check: Check, remedy: str) -> None:
    """The check; its failure ends with what may be missing."""
    try:
        check()
    except (SkipCheck, Unproven, Remark):
        raise
    except Exception as error:
        if not remedy:
            raise
        message = str(error) if isinstance(error, CheckFailed) else f"raises {error_text(error)}"
        raise CheckFailed(f"{message}{'' if message[-1:] in ('.', '!', '?') else '.'} {remedy}") from error


def _proof(engine: str) -> Callable[[str, str, object], None]:
    """What proves an engine, or a form of an export in the place of one."""
    return _exported if engine in FORMS else _short_training


def _exported(form: str, kind: str, component: object) -> None:
    """Predictions or steps in onnxruntime; skipped where the component cannot be exported."""
    if missing := missing_modules():
        raise SkipCheck(f"{' and '.join(missing)} are not installed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)  # of rules that amplify rounding: a few steps are compared
            (require_export if form == "onnx" else require_exported_step)(kind, component)
    except (SkipCheck, CheckFailed):
        raise
    except Exception as error:
        raise SkipCheck(f"it is not exported: {error}") from error


def _short_training(engine: str, kind: str, component: object) -> None:
    """A short training on the engine; skipped if another engine than NumPy, which does run, cannot run it."""
    try:
        require_training(engine, kind, component)
    except Exception as error:
        if engine in REQUIRED_ENGINES or isinstance(error, SkipCheck | CheckFailed):
            raise
        _require_engine(engine)
        raise SkipCheck(f"it does not run there: {error}") from error


@lru_cache
def _require_engine(engine: str) -> None:
    """CheckFailed for an engine that does not even run a dense layer of bpframe's."""
    try:
        require_training(engine, "layer", build("layer", {"name": "dense", "units": 2}))
    except Exception as error:
        raise CheckFailed(
            f"the engine {engine} itself does not run: {error} Mend its installation, or name others (--engine numpy)."
        ) from error


def _raise(error: Exception) -> None:
    raise error


def _placeholders(component: Callable[..., Any]) -> dict[str, Any]:
    """Placeholder values for the arguments without a default."""
    return {name: _placeholder(wanted(parameter)) for name, parameter in required_arguments(component).items()}


def _placeholder(want: Wanted) -> Any:
    if want.kind:
        return "tanh" if want.kind == "activation" else registry.names(want.kind)[0]
    return {"float": 0.5, "int": 3, "bool": True, "str": "text"}.get(next(iter(want.alternatives), "float"), 0.5)
