"""Notes on a comparison: where it is not to be believed, and what it could not conclude."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

Summary = Mapping[str, Any]
UNDER_TUNED = 1.25  # times the error of sgd, from which on tuning adam is in doubt: it can do as sgd does


def notes(summary: Summary) -> list[str]:
    """A sentence each, the gravest first."""
    return [
        *_proof(summary),
        *_sanity(summary),
        *_flips(summary),
        *_edges(summary),
        *_power(summary),
        *_unlike(summary),
    ]


def _proof(summary: Summary) -> Iterator[str]:
    """Whether plugins may do something else than they say."""
    foreign = [rule["title"] for rule in summary["rules"] if rule["dist"] != "bpframe"]
    if foreign and not summary["proven"]:
        yield f"{', '.join(foreign)}: not proven by the conformance kit."


def _sanity(summary: Summary) -> Iterator[str]:
    """Of the rows that every comparison of optimizers has."""
    for workload in summary["workloads"]:
        for rule in summary["rules"]:
            on = workload["rules"][rule["title"]]
            if rule["row"] == "a rule that does nothing" and on["runs"] and on["misses"] < on["runs"]:
                yield f"{workload['name']}: a rule that does nothing reaches the target, which is too easy."
        by_spec = {rule["title"]: workload["rules"][rule["title"]]["errors"] for rule in summary["rules"]}
        if "adam" in by_spec and "sgd" in by_spec:
            adam, sgd = (by_spec[name].get("error 1x", math.nan) for name in ("adam", "sgd"))
            if adam > UNDER_TUNED * sgd:
                yield f"{workload['name']}: tuned adam ends behind tuned sgd, so that adam may be tuned too little."


def _flips(summary: Summary) -> Iterator[str]:
    """Pairs of contestants whose order at the end depends on the horizon."""
    horizons = summary["protocol"]["horizons"]
    asked = [rule["title"] for rule in summary["rules"] if not rule["row"]]
    for workload, (a, b) in itertools.product(summary["workloads"], itertools.combinations(sorted(asked), 2)):
        errors = [[workload["rules"][t]["errors"].get(f"error {h}x", math.nan) for h in horizons] for t in (a, b)]
        better = [x < y for x, y in zip(*errors, strict=True) if x != y]
        if len(set(better)) > 1:
            yield f"{workload['name']}: which of {a} and {b} ends better depends on the horizon."


def _edges(summary: Summary) -> Iterator[str]:
    """Settings that were best at the end of their range."""
    for rule in summary["rules"]:
        places: dict[str, list[str]] = {}
        for workload in summary["workloads"]:
            for path, end in workload["rules"][rule["title"]]["at_edge"].items():
                places.setdefault(f"{path} is best at the {end} value tried", []).append(workload["name"])
        for what, where in places.items():
            yield f"{rule['title']}: {what} on {', '.join(where)}; a wider tuning_space may help it."


def _power(summary: Summary) -> Iterator[str]:
    """What can be concluded of so few units."""
    overall = [rule["overall"] for rule in summary["rules"] if rule["overall"]]
    units = max((each["units"] for each in overall), default=0)
    if 0 < units < 6:
        yield (
            f"{units} pairs of workload and study cover {1 - 2.0 ** (1 - units):.0%} at most: no difference can be "
            "shown at 95% with less than 6. Give more --studies, or more workloads."
        )


def _unlike(summary: Summary) -> Iterator[str]:
    """Rules without a tuning space of their own."""
    for rule in summary["rules"]:
        if "declares no space" in rule["source"]:
            yield f"{rule['title']} declares no tuning_space: its lr was searched over three decades round its default."
