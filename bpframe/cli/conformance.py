"""Conformance reports for `bpframe check`: the components that its arguments select, and their checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bpframe import testing
from bpframe.cli.local_files import file_components, is_plugin_file
from bpframe.cli.plugins import hidden_note, parse_component
from bpframe.errors import BpframeError, UnknownComponent
from bpframe.registry import Provider, registry
from bpframe.registry.metadata_scan import TWICE
from bpframe.registry.policy import LOCAL, normalise
from bpframe.registry.safe_text import error_text
from bpframe.testing.expected_failures import recorded_failures, with_expected
from bpframe.testing.laws.exported_training import FORMS, missing_modules
from bpframe.testing.report import CheckReport
from bpframe.testing.suite import REQUIRED_ENGINES

ENTRY_POINTS = "entry points"  # the name of the only check of a distribution itself
LOADING = "loading"  # the name of the only check of a component that cannot be loaded


def check_reports(
    targets: Sequence[str],
    everything: bool,
    engines: Sequence[str] = (),
    pyproject: Path | None = None,
    stop: bool = False,
) -> list[CheckReport]:
    """A report on each named component, on those of each named distribution or file, or on all; none twice.

    `pyproject`: the file that records expected failures. `stop`: whether the first that fails is the last.
    """
    tried = engine_names(engines)
    found: dict[str, CheckReport] = {}
    for component, check in _checks(targets, everything, tried, pyproject):
        if component not in found:
            found[component] = check()
            if stop and found[component].failed:
                break
    return list(found.values())


def _checks(
    targets: Sequence[str], everything: bool, engines: Sequence[str], pyproject: Path | None
) -> Iterator[tuple[str, Callable[[], CheckReport]]]:
    """(component, what checks it) for all that the arguments select."""
    for target in () if everything else targets:
        if ":" in target and not is_plugin_file(target):
            kind, name = parse_component(target)
            provider = registry.find(kind, name)
            own = partial(_check, kind, name, engines)
            yield f"{kind}:{provider.ref}", partial(_expected, own, provider.dist, pyproject)
            continue
        yield from _of_providers(_providers_of(target), engines, pyproject)
        if not is_plugin_file(target):
            yield from ((name, partial(_as_it_is, report)) for name, report in _entry_points(normalise(target)).items())
    yield from _of_providers(registry.providers() if everything else [], engines, pyproject)


def _of_providers(
    providers: Sequence[Provider], engines: Sequence[str], pyproject: Path | None
) -> Iterator[tuple[str, Callable[[], CheckReport]]]:
    for provider in providers:
        own = partial(check_provider, provider, engines)
        yield f"{provider.kind}:{provider.ref}", partial(_expected, own, provider.dist, pyproject)


def _as_it_is(report: CheckReport) -> CheckReport:
    return report


def _expected(check: Callable[[], CheckReport], dist: str, pyproject: Path | None) -> CheckReport:
    """The report, in which the failures that its distribution expects are none."""
    return with_expected(check(), recorded_failures(dist, pyproject))


def _entry_points(dist: str) -> dict[str, CheckReport]:
    """A report on the entry points of a distribution, if there is something to say; it fails for what nobody finds."""
    reasons = [each.reason for each in registry.unreadable() if each.dist == dist]
    lost = " ".join(reason for reason in reasons if TWICE not in reason)
    said = [*(reason for reason in reasons if TWICE in reason), *map(hidden_note, registry.hidden_of(dist))]
    if not (lost or said):
        return {}
    failed, remarks = {ENTRY_POINTS: lost} if lost else {}, {ENTRY_POINTS: " ".join(said)} if said else {}
    title = f"distribution:{dist}"
    return {title: CheckReport(title, (ENTRY_POINTS,), failed, remarks=remarks)}


def whole_distributions(
    targets: Sequence[str], everything: bool, reports: Sequence[CheckReport]
) -> dict[str, list[CheckReport]]:
    """The reports on each distribution of which all components were checked."""
    providers = registry.providers()
    named = (
        {provider.dist for provider in providers}
        if everything
        else {normalise(t) for t in targets if ":" not in t and not is_plugin_file(t)}
    )
    owners = {f"{provider.kind}:{provider.ref}": provider.dist for provider in providers}
    return {dist: [r for r in reports if owners.get(r.component) == dist] for dist in sorted(named - {LOCAL})}


def engine_names(engines: Sequence[str]) -> list[str]:
    """numpy, and the named engines, or, where none is named, all that are installed."""
    every = not engines or "all" in engines
    forms = [name for name in FORMS if name in engines or (every and not missing_modules())]
    engines = [name for name in engines if name not in FORMS]
    named = registry.names("engine") if every else [registry.find("engine", name).ref for name in engines]
    ready = [*(name for name in named if not (every and name in missing_engines())), *forms]
    return list(dict.fromkeys([*REQUIRED_ENGINES, *(name.removeprefix("bpframe/") for name in ready)]))


def missing_engines() -> dict[str, str]:
    """The engines that cannot be loaded, for want of a module that they need or otherwise, and why."""
    engines = {name: reason for name in registry.names("engine") if (reason := _load_error(name))}
    lacking = missing_modules()
    return engines | (dict.fromkeys(FORMS, f"it needs {' and '.join(lacking)}") if lacking else {})


def _load_error(engine: str) -> str | None:
    """Why an engine cannot be loaded; None where it can."""
    try:
        registry.load("engine", engine)
    except Exception as error:
        return str(error) or type(error).__name__
    return None


def _check(kind: str, name: str, engines: Sequence[str]) -> CheckReport:
    return testing.check(kind, name, engines=engines, collect=True)


def _providers_of(dist: str) -> list[Provider]:
    if is_plugin_file(dist):
        return file_components(dist)
    providers = registry.providers()
    found = [provider for provider in providers if provider.dist == normalise(dist)]
    if found or _entry_points(normalise(dist)):
        return found
    known = ", ".join(sorted({provider.dist for provider in providers}))
    raise UnknownComponent(f"check needs KIND:NAME or a distribution, got '{dist}'. Those with components: {known}.")


def check_provider(provider: Provider, engines: Sequence[str]) -> CheckReport:
    """The report on one component; an error in loading it becomes a failed check, so that others are still checked."""
    component = f"{provider.kind}:{provider.ref}"
    if provider.kind == "engine" and not {provider.name, provider.ref} & {*engines, *missing_engines()}:
        return CheckReport(component, skipped={LOADING: "it is not among the engines to try (--engine)"})
    try:
        return _check(provider.kind, provider.ref, engines)
    except (Exception, GeneratorExit, SystemExit) as error:
        if _lacks_optional_module(error):
            return CheckReport(component, skipped={LOADING: str(error)})
        failure = str(error) if isinstance(error, BpframeError) else error_text(error)
        return CheckReport(component, (LOADING,), {LOADING: failure})


def _lacks_optional_module(error: BaseException) -> bool:
    """Whether the plugin itself reports that an optional module is missing, as an error with that cause."""
    cause = error.__cause__
    return isinstance(cause, ModuleNotFoundError) and isinstance(cause.__cause__, ModuleNotFoundError)
