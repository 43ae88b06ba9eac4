"""The suite of a distribution: one line in its tests that checks every component it offers.

test_conformance = bpframe.testing.suite("bpframe-focal")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from bpframe.errors import CheckFailed
from bpframe.registry import registry
from bpframe.registry.policy import normalise
from bpframe.testing.check_counts import recorded_counts, require_counts
from bpframe.testing.expected_failures import Reasons, recorded_failures, unknown_components, with_expected
from bpframe.testing.report import CheckReport, require_all
from bpframe.testing.suite import REQUIRED_ENGINES, check

COUNTS = "recorded counts"  # the item that compares them


def suite(
    dist: str, *, engines: Sequence[str] = REQUIRED_ENGINES, xfail: Reasons | None = None
) -> Callable[[str], None]:
    """A test for pytest, with an item for each component of an installed distribution; call it test_....

    `engines`: names of engines on which a short training is tried, besides numpy. `xfail`: checks that are expected to
    fail, as in {"loss:focal": {"few rows": "it ranks the rows"}}, besides those of [tool.bpframe.xfail] in its
    pyproject.toml; one that passes is a failure. Where the distribution records how many checks ran, one more item
    compares. Needs pytest.
    """
    import pytest  # whoever calls this has it

    name = normalise(dist)
    offered = {f"{p.kind}:{p.ref}": p for p in registry.providers() if p.dist == name}
    reasons = {**recorded_failures(name), **(xfail or {})}

    @cache
    def report(component: str) -> CheckReport:
        provider = offered[component]
        return with_expected(check(provider.kind, provider.ref, engines=engines, collect=True), reasons)

    items = [*offered, COUNTS] if offered and recorded_counts(name) else [*offered] or [name]

    @pytest.mark.parametrize("component", items)
    def test(component: str) -> None:
        if not offered:
            raise CheckFailed(f"no installed distribution {dist} offers components. Is it installed?")
        if lost := unknown_components(offered, reasons):
            raise CheckFailed("\n".join(lost))
        if component == COUNTS:
            require_counts(name, [report(each) for each in offered], engines)
        else:
            require_all([report(component)])

    return test
