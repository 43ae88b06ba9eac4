"""The table of pairs: of each two partners whether their meeting is proven, refused, unproven or not applicable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, final

from bpframe.errors import CheckFailed, ConfigError, DataError, IncompatibleComponent, NumericalError
from bpframe.registry.safe_text import error_text
from bpframe.testing.pairs.laws import EPOCHS, LAWS
from bpframe.testing.pairs.meeting import Meeting
from bpframe.testing.pairs.partners import Partner
from bpframe.testing.report import SkipCheck

Status = Literal["proven", "refused", "unproven", "failed", "not applicable"]
ALIKE = frozenset(  # roles in which an engine tells no component from another: one stands for all
    ("rule", "gradient step", "loss", "loss with a distribution", "schedule", "schedule over a run", "layer with draws")
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


def pairs(partners: Sequence[Partner], others: Sequence[Partner] = (), engine: str = "numpy") -> Iterator[Pair]:
    """Each partner with each that follows it, and with each of the others."""
    meetings = [*combinations(partners, 2), *((partner, other) for partner in partners for other in others)]
    return (pair(*two, engine=engine) for two in meetings)


def pair(first: Partner, second: Partner, engine: str = "numpy") -> Pair:
    """Two partners in one training, which keeps every law, or is refused in words before its first step."""
    meeting, two = Meeting((first, second), engine), (first, second)
    if not meeting.applicable:
        return Pair(two, "not applicable")
    try:
        meeting.fit(meeting.trainer(), EPOCHS)
    except (ConfigError, DataError, IncompatibleComponent) as error:
        return Pair(two, "refused", str(error))
    except NumericalError as error:
        return Pair(two, "unproven", f"numbers are not finite in a short training: {error}")
    except Exception as error:
        return Pair(two, "failed", error_text(error))
    return Pair(two, *_kept(meeting))


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
