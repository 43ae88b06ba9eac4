"""Proof of contestants: a plugin is compared once the conformance kit has shown that it does what it says.

Bundled components are proven by bpframe's own tests.
"""

from __future__ import annotations

from collections.abc import Sequence

from bpframe.errors import CheckFailed
from bpframe.registry import registry
from bpframe.studies.contestant import Contestant
from bpframe.testing.suite import check

BUNDLED = "bpframe"
MOST = 3  # findings that a message names


def require_proof(contestants: Sequence[Contestant]) -> None:
    """CheckFailed for a plugin that fails checks of the kit, or that has none that would tell it from another rule."""
    for contestant in contestants:
        kind, name = contestant.kind, str(contestant.spec["name"])
        if registry.find(kind, name).dist == BUNDLED:
            continue
        report = check(kind, name, collect=True)
        if report.failed:
            found = "; ".join(f"{what}: {why}" for what, why in list(report.failed.items())[:MOST])
            raise CheckFailed(
                f"{contestant.title} fails {len(report.failed)} checks of the conformance kit, so nothing is learnt "
                f"from comparing it. {found}. See all: bpframe check {kind}:{name}."
            )
        if report.unproven:
            what, why = next(iter(report.unproven.items()))
            raise CheckFailed(
                f"{contestant.title} is unproven: the check '{what}' cannot tell right from wrong. {why} Or take it "
                "as it is: --unproven."
            )
