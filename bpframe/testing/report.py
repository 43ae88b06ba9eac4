"""The report of a component's checks, and the function that runs them."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.registry.safe_text import error_text

Check = Callable[[], None]  # returns where a law is kept; raises SkipCheck, Unproven, or an error where it is not
NONE = "any check"  # what fails where nothing was checked
GATE = "protocol"  # if this check fails, the others are skipped
ENGINE = "engine "  # prefix of the names of checks that train on an engine


class SkipCheck(Exception):
    """Raised by a check that does not apply to the component; the message says why."""


class Remark(Exception):
    """Raised by a check that found no fault, but what whoever reads the report should know; it has passed."""


class Unproven(Exception):
    """Raised by a check that applies, but can tell right from wrong by no law; the message says what would prove it."""


PARTS: dict[type[Exception], str] = {SkipCheck: "skipped", Unproven: "unproven", Remark: "remarks"}  # of a report


@final
@dataclass(frozen=True)
class CheckReport:
    """The checks of one component by name: those that `run`, that `failed` (with the error) or were `skipped` (why).

    `unproven`: those that no law can decide for it, with what would. They did not run, and nobody passed them.
    `remarks`: what some checks that passed have to say. `seconds`: how long each engine took to train. `expected`:
    those that failed as was expected of them, and why; they are not in `failed`.
    """

    component: str
    run: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    unproven: Mapping[str, str] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)
    expected: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> tuple[str, ...]:
        """The checks that ran without an error."""
        return tuple(name for name in self.run if name not in self.failed and name not in self.expected)

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines on which a short training ran in every configuration of the component."""
        tried = {name: _engine_of(name) for name in (*self.run, *self.skipped) if name.startswith(ENGINE)}
        refused = {engine for name, engine in tried.items() if name not in self.passed}
        return tuple(dict.fromkeys(engine for engine in tried.values() if engine not in refused))

    def __str__(self) -> str:
        failures = "".join(f"\n  {name}: {message}" for name, message in self.failed.items())
        counts = f"{len(self.run)} checks run, {len(self.failed)} failed, {len(self.skipped)} skipped"
        remarks = "".join(f"\n  {name}: {message}" for name, message in self.remarks.items())
        expected = f", {len(self.expected)} failed as expected" if self.expected else ""
        return f"{self.component}: {counts}, {len(self.unproven)} unproven{expected}{failures}{remarks}"


def run_checks(component: str, checks: Mapping[str, Check], collect: bool = False) -> CheckReport:
    """Run all checks and report; CheckFailed that lists all failures if there are any, unless `collect`."""
    found: dict[str, dict[str, str]] = {part: {} for part in ("failed", "skipped", "unproven", "remarks")}
    causes: list[BaseException] = []
    seconds: dict[str, float] = {}
    for name, check in checks.items():
        start, gate = time.perf_counter(), SkipCheck(f"the check '{GATE}' failed") if GATE in found["failed"] else None
        error = gate or _error_of(check)
        if name.startswith(ENGINE):
            seconds[_engine_of(name)] = seconds.get(_engine_of(name), 0.0) + time.perf_counter() - start
        if error is None:
            continue
        part = next((part for kind, part in PARTS.items() if isinstance(error, kind)), "failed")
        found[part][name] = _text(error)
        causes += [error] if part == "failed" else []
    left_out = found["skipped"] | found["unproven"]
    if len(left_out) == len(checks):
        reasons = "; ".join(f"{name}, {reason}" for name, reason in left_out.items())
        found["failed"][NONE] = f"no check ran: {reasons or 'there is none'}"
        causes.append(CheckFailed(found["failed"][NONE]))
    report = CheckReport(component, tuple(name for name in checks if name not in left_out), **found, seconds=seconds)
    if report.failed and not collect:
        raise CheckFailed(str(report)) from causes[0]
    return report


def require_all(reports: Iterable[CheckReport]) -> None:
    """CheckFailed that lists the failures of every report, if there are any."""
    if broken := [str(report) for report in reports if report.failed]:
        raise CheckFailed("\n".join(broken))


def _engine_of(name: str) -> str:
    """The engine, or the form of an export, that a check is about."""
    return name.removeprefix(ENGINE).partition(" with ")[0]


def _error_of(check: Check) -> BaseException | None:
    """What a check raises; a plugin must not end the program."""
    try:
        _run(check)
    except (Exception, GeneratorExit, SystemExit) as error:
        return error
    return None


def _text(error: BaseException) -> str:
    """What the report says of an error."""
    own = isinstance(error, (CheckFailed, *PARTS))
    return str(error) if own else f"raises {error_text(error)}"


def _run(check: Check) -> None:
    """Run one check; floating-point flags are ignored, as in an engine, and other RuntimeWarnings are errors."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        check()
