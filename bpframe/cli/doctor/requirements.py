"""Requirements of a distribution (PEP 508), as far as versions of releases decide: what is missing, or too old."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from operator import eq, ge, gt, le, lt, ne

REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;)@]*)\)?\s*(?:;(.*))?", re.DOTALL)
CLAUSE = re.compile(r"(===|~=|==|!=|<=|>=|<|>)\s*([^\s,]+)")
MARKER = re.compile(
    r"""\s*(python_version|python_full_version|sys_platform)\s*(~=|==|!=|<=|>=|<|>)\s*["']([^"']+)["']\s*"""
)
HOLDS: dict[str, Callable[[list[int], list[int]], bool]] = {"==": eq, "!=": ne, "<=": le, ">=": ge, "<": lt, ">": gt}


def unmet(requirement: str) -> str | None:
    """What is installed instead, "numpy 1.0" or "no numpy"; None where it is met, or not asked for here."""
    match = REQUIREMENT.match(requirement)
    if match is None or not _applies(match[3]):
        return None
    name, clauses = match[1], match[2] or ""
    try:
        installed = version(name)
    except PackageNotFoundError:
        return f"no {name}"
    return None if satisfies(installed, clauses) else f"{name} {installed}"


def satisfies(installed: str, clauses: str) -> bool:
    """Whether a version keeps clauses such as ">=1.2,<2"; those that name no release are not judged."""
    return all(_keeps(installed, operator, wanted) for operator, wanted in CLAUSE.findall(clauses))


def _keeps(installed: str, operator: str, wanted: str) -> bool:
    if operator == "===":
        return installed == wanted
    have, want = _release(installed), _release(wanted)
    if not have or not want:
        return True
    if operator == "~=":
        return _same_length(have, want, ge) and have[: len(want) - 1] == want[:-1]
    if wanted.endswith(".*"):
        return HOLDS[operator](have[: len(want)], want)
    return _same_length(have, want, HOLDS[operator])


def _same_length(a: list[int], b: list[int], holds: Callable[[list[int], list[int]], bool]) -> bool:
    pairs = list(zip_longest(a, b, fillvalue=0))
    return holds([x for x, _ in pairs], [y for _, y in pairs])


def _release(text: str) -> list[int]:
    """The numbers of the release: [1, 2] of "1.2rc1"."""
    match = re.match(r"v?(?:\d+!)?(\d+(?:\.\d+)*)", text)
    return [int(part) for part in match[1].split(".")] if match else []


def _applies(marker: str | None) -> bool:
    """Whether a requirement is asked for here; one whose marker says more than this knows is not."""
    if marker is None or not marker.strip():
        return True
    match = MARKER.fullmatch(marker)
    if match is None:
        return False
    variable, operator, value = match.groups()
    if variable == "sys_platform":
        return operator in ("==", "!=") and (sys.platform == value) == (operator == "==")
    return satisfies(".".join(map(str, sys.version_info[: 2 if variable == "python_version" else 3])), operator + value)
