"""Expected failures: checks that a component is known to fail, each with the reason, and strictly so.

    [tool.bpframe.xfail."loss:focal"]           # in the pyproject.toml of the distribution
    "few rows" = "it ranks the rows of a batch"

What is expected to fail and passes is a failure, so that no reason outlives what it explains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from bpframe.errors import CheckFailed
from bpframe.testing.project_file import project_table
from bpframe.testing.report import CheckReport

TABLE = "[tool.bpframe.xfail]"
Reasons = Mapping[str, Mapping[str, str]]  # "loss:focal" -> check -> why it is expected to fail


def recorded_failures(dist: str, file: Path | None = None) -> Reasons:
    """What a distribution records; CheckFailed where that is not a reason for each check of a component."""
    found = project_table(dist, "xfail", file)
    if found is None:
        return {}
    place, table = found
    if not isinstance(table, dict) or not all(_are_reasons(checks) for checks in table.values()):
        raise CheckFailed(f'{place}: {TABLE} needs tables such as "loss:focal" = {{ "few rows" = "why" }}, got {table}')
    return table


def _are_reasons(checks: object) -> bool:
    return isinstance(checks, dict) and all(isinstance(why, str) and why.strip() for why in checks.values())


def with_expected(report: CheckReport, reasons: Reasons) -> CheckReport:
    """The report, in which failures that are expected are no failures, and expected ones that did not come are."""
    wanted = _of(report.component, reasons)
    failed = {name: message for name, message in report.failed.items() if name not in wanted}
    for name, why in wanted.items():
        if name not in report.failed and name not in report.skipped and name not in report.unproven:
            what = "passes" if name in report.run else "does not exist"
            failed[name] = f"is expected to fail ({why}), but {what}. Take it from the expected failures ({TABLE})."
    return replace(report, failed=failed, expected={name: wanted[name] for name in report.failed if name in wanted})


def unknown_components(components: Iterable[str], reasons: Reasons) -> list[str]:
    """A line for each component with expected failures that is not among those that were checked."""
    known = {short_component(each): each for each in components}
    return [
        f"{TABLE} names {each}, which was not checked. Components: {', '.join(known)}."
        for each in reasons
        if each not in known and each not in known.values()
    ]


def short_component(component: str) -> str:
    """ "loss:focal" of "loss:bpframe-focal/focal"."""
    kind, _, name = component.partition(":")
    return f"{kind}:{name.rpartition('/')[2]}"


def _of(component: str, reasons: Reasons) -> Mapping[str, str]:
    return {**reasons.get(short_component(component), {}), **reasons.get(component, {})}
