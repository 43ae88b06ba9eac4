"""Contestants: the optimizers, or the losses, that a comparison is between, with their settings at a tuning point."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from bpframe.errors import ConfigError
from bpframe.protocols.traits import needs_whole_batch
from bpframe.registry import build, registry
from bpframe.registry.describe import describe
from bpframe.runs.config import parse_override
from bpframe.studies.grid import divided
from bpframe.studies.tuning import Settings, tuning_ranges

KINDS = ("optimizer", "loss")
FORM = re.compile(r"(?:(\w+):)?([\w./-]+)(?:\((.*)\))?", re.DOTALL)
Spec = dict[str, Any]
JUDGE = {"name": "adam"}  # the rule that trains where losses are compared
NOTHING: Spec = {"name": "sgd", "lr": 0.0}


@final
@dataclass(frozen=True)
class Contestant:
    """A component under the title that the report shows; `kind` "optimizer" or "loss".

    `tuned`: whether its rule is tuned; otherwise it keeps its defaults. `row`: "" for one that was asked for, or why it
    is there besides. `offset`: it has tuning points and seeds of its own, behind those of so many others; 0: the same
    as all.
    """

    title: str
    kind: str
    spec: Mapping[str, Any]
    tuned: bool = True
    row: str = ""
    ranges: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    scheduled: bool = True
    offset: int = 0

    def optimizer(self, settings: Settings, steps: int) -> Spec:
        """The specification of its rule with these settings, for a training of so many steps.

        Rates, if they are scheduled, stay for three quarters of them and then fall to 0: until then a training does
        not depend on its horizon, so that the step at which it reaches a target says something.
        """
        base = self.spec if self.kind == "optimizer" else JUDGE
        spec = describe(registry, "optimizer", build("optimizer", dict(base)))
        values = {**({"lr": spec["lr"]} if "lr" in spec else {}), **settings}
        for path, value in values.items():
            rate = self.scheduled and path.rpartition(".")[2] == "lr" and isinstance(value, int | float) and value > 0
            _put(spec, path, _decaying(value, steps) if rate else value)
        return spec

    def record(self) -> dict[str, Any]:
        """What the file says of it: what it is, of whom, and where it is searched."""
        provider = registry.find(self.kind, self.spec["name"])
        return vars(self) | {"dist": provider.dist, "version": provider.version}


def parse_contestant(text: str) -> Contestant:
    """A contestant from NAME, KIND:NAME or NAME(ARGUMENT=VALUE, ...); ConfigError for what cannot be compared."""
    match = FORM.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"A comparison needs NAME, loss:NAME or 'NAME(lr=0.1)', got {text!r}.")
    kind, name, arguments = match[1] or KINDS[0], match[2], match[3]
    if kind not in KINDS:
        raise ConfigError(f"A comparison is between optimizers, or between losses, got {kind} '{name}'.")
    spec: Spec = {"name": name}
    for word in divided(arguments) if arguments and arguments.strip() else []:
        override = parse_override(word)
        spec[".".join(override.keys)] = override.value
    return contestant(text.strip().removeprefix("optimizer:"), kind, spec)


def contestant(title: str, kind: str, spec: Spec, tuned: bool = True, row: str = "") -> Contestant:
    """The contestant of a specification; ConfigError for a wrong one, or a rule that searches along the objective."""
    component = build(kind, spec)
    if kind == "optimizer" and needs_whole_batch(component):
        raise ConfigError(f"A comparison is between rules that follow gradients of batches, got {title}. Leave it out.")
    rule = component if kind == "optimizer" else build("optimizer", dict(JUDGE))
    ranges, source, scheduled = tuning_ranges(rule) if tuned else ({}, "its defaults", True)
    return Contestant(title, kind, spec, tuned, row, ranges, source, scheduled)


def with_sanity_rows(asked: Sequence[Contestant]) -> list[Contestant]:
    """The contestants and, of optimizers, the rows that show whether a comparison can be believed.

    Tuned sgd and adam, adam at its defaults, and a rule that does nothing.
    """
    kinds = {each.kind for each in asked}
    titles = [each.title for each in asked]
    if len(kinds) != 1 or len(asked) < 2 or len(set(titles)) < len(titles):
        raise ConfigError(
            f"A comparison needs two optimizers or more, or two losses, each once, got {', '.join(titles)}."
        )
    if kinds == {"loss"}:
        return list(asked)
    more = [
        contestant("sgd", "optimizer", {"name": "sgd"}, row="tuned sgd"),
        contestant("adam", "optimizer", {"name": "adam"}, row="tuned adam"),
        contestant("adam, defaults", "optimizer", {"name": "adam"}, tuned=False, row="adam at its defaults"),
        contestant("nothing", "optimizer", NOTHING, tuned=False, row="a rule that does nothing"),
    ]
    return [*asked, *(each for each in more if each.title not in titles)]


def _decaying(rate: float, steps: int) -> Spec:
    return {"name": "warmup_stable_decay", "peak": rate, "warmup": 0, "decay": max(1, steps // 4)}


def _put(spec: Spec, path: str, value: Any) -> None:
    """Set a setting below components of a full specification."""
    *outer, last = path.split(".")
    for key in outer:
        inner = spec[key]
        spec[key] = {"name": inner} if isinstance(inner, str) else copy.copy(inner)
        spec = spec[key]
    spec[last] = value
