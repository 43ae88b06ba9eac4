"""The table of pairs: of each two partners whether their meeting is proven, refused, unproven or not applicable."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, final

import numpy as np

from bpframe import tree
from bpframe.errors import CheckFailed, ConfigError, DataError, IncompatibleComponent, NumericalError
from bpframe.network.guards import is_foreign
from bpframe.protocols import Restart
from bpframe.protocols.implements import implements
from bpframe.registry import Provider, registry
from bpframe.registry.policy import CORE, normalise
from bpframe.registry.safe_text import error_text
from bpframe.testing.pairs.laws import LAWS
from bpframe.testing.pairs.meeting import Meeting
from bpframe.testing.pairs.partners import Partner, partners_of
from bpframe.testing.report import SkipCheck

Status = Literal["proven", "refused", "unproven", "failed", "not applicable"]
ALIKE = {  # roles in which an engine tells no component from another: one stands for all
    "rule",
    "gradient step",
    "loss",
    "loss with a distribution",
    "schedule",
    "schedule over a run",
    "layer with draws",
    "augmentation",
    "augmentation that mixes rows",
    "measuring callback",
    "sampler of batches",
}

SILENT = (
    "holds arrays of a parameter's shape, and does not say what becomes of them where the parameter is set. Give it "
    "restart(p, state), which hands back the state as it is if it knows gradients alone"
)


@final
@dataclass(frozen=True)
class Pair:
    """Two partners, what became of them, and why where they are not proven."""

    partners: tuple[Partner, Partner]
    status: Status
    reason: str = ""

    def __str__(self) -> str:
        first, second = self.partners
        return f"{first} with {second}: {self.status}{self.reason and f', {self.reason}'}"


def representatives(partners: Iterable[Partner]) -> list[Partner]:
    """All partners but for those whose role another one stands for."""
    found: dict[str, Partner] = {}
    for partner in partners:
        found.setdefault(partner.role if partner.role in ALIKE else str(partner), partner)
    return list(found.values())


def check_pairs(dist: str, *, engine: str = "numpy", collect: bool = False) -> list[Pair]:
    """Each two components of a distribution, and each with bpframe's own, in one training; CheckFailed on failures.

    With `collect` failures are in the list alone. What a pair must keep: docs/explanation/pairs.md.
    """
    offered = [provider for provider in registry.providers() if provider.dist == normalise(dist)]
    found = list(pairs_of(offered, engine))
    if not collect and (failed := [str(each) for each in found if each.status == "failed"]):
        raise CheckFailed("\n".join(failed))
    return found


def pairs_of(providers: Iterable[Provider], engine: str = "numpy") -> Iterator[Pair]:
    """The pairs of these components, and of each with bpframe's own; of several of those, representatives."""
    chosen = list(partners_of(providers))
    own = [partner for partner in chosen if not is_foreign(partner.kind, partner.component)]
    if len(own) > 1:
        left_out = set(own) - set(representatives(own))
        chosen = [partner for partner in chosen if partner not in left_out]
    bundled = representatives(partners_of(each for each in registry.providers() if each.dist == CORE))
    return pairs(chosen, [partner for partner in bundled if partner not in chosen], engine)


def pairs(partners: Sequence[Partner], others: Sequence[Partner] = (), engine: str = "numpy") -> Iterator[Pair]:
    """Each partner with each that follows it, and with each of the others."""
    meetings = [*combinations(partners, 2), *((partner, other) for partner in partners for other in others)]
    return (pair(*two, engine=engine) for two in meetings)


def covering(partners: Sequence[Partner]) -> list[tuple[Partner, ...]]:
    """Trainings of many partners, so that each two that may meet stand together in one.

    For engines that compile each training: some thirty of these show what hundreds of pairs would.
    """
    every = list(combinations(partners, 2))
    apart = {frozenset(two) for two in every if first_status(Meeting(two)) is not None}
    left = {two for two in map(frozenset, combinations(partners, 2)) if two not in apart}
    found: list[tuple[Partner, ...]] = []
    while left:
        chosen: list[Partner] = []
        while more := [each for each in partners if _may_join(each, chosen, apart)]:
            gains = [sum(frozenset((each, other)) in left for other in chosen) for each in more]
            open_cells = [sum(each in two for two in left) for each in more]
            chosen.append(max(zip(gains, open_cells, more, strict=True), key=lambda each: each[:2])[2])
        left -= set(map(frozenset, combinations(chosen, 2)))
        found.append(tuple(chosen))
    return found


def _may_join(partner: Partner, chosen: Sequence[Partner], apart: Container[frozenset[Partner]]) -> bool:
    rules = sum(each.kind == "optimizer" for each in chosen)
    if partner in chosen or (partner.kind == "optimizer" and rules == 2):
        return False
    return Meeting((*chosen, partner)).applicable and not any(frozenset((partner, each)) in apart for each in chosen)


def pair(first: Partner, second: Partner, engine: str = "numpy") -> Pair:
    """Two partners in one training, which keeps every law, or is refused in words before its first step."""
    meeting, two = Meeting((first, second), engine), (first, second)
    if (obstacle := first_status(meeting)) is not None:
        return Pair(two, *obstacle)
    status, reason = _kept(meeting)
    if status == "proven" and (silent := [partner for partner in two if _says_nothing(partner)]):
        return Pair(two, "unproven", f"{silent[0]} {SILENT}")
    return Pair(two, status, reason)


def first_status(meeting: Meeting) -> tuple[Status, str] | None:
    """What keeps a meeting from being asked for its laws; None: a short training goes through."""
    if not meeting.applicable:
        return "not applicable", ""
    try:
        _ = meeting.trained
    except (ConfigError, DataError, IncompatibleComponent) as error:
        return "refused", str(error)
    except NumericalError as error:
        return "unproven", f"numbers are not finite in a short training: {error}"
    except Exception as error:
        return "failed", error_text(error)
    return None


def _kept(meeting: Meeting) -> tuple[Status, str]:
    """Whether a meeting keeps the laws that apply to it."""
    for name, law in LAWS.items():
        try:
            law(meeting)
        except SkipCheck:
            continue
        except CheckFailed as error:
            return "failed", f"{name}: {error}"
        except Exception as error:
            return "failed", f"{name}: {error_text(error)}"
    return "proven", ""


def _says_nothing(partner: Partner) -> bool:
    """Whether it is a foreign rule with a state that may hold parameters, and nothing that tells."""
    rule = partner.component
    if partner.kind != "optimizer" or rule.scope == "objective" or not is_foreign("optimizer", rule):
        return False
    p = np.ones((3, 2))
    shapes = [np.shape(leaf) for _, leaf in tree.leaves(rule.init(p))]
    return p.shape in shapes and not implements(rule, Restart)
