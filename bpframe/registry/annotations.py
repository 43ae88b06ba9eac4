"""What a constructor's annotation wants, and whether a given value is that.

Annotations are read as text, so a plugin may write `inner: "Optimizer"` without importing anything.
"""

from __future__ import annotations

import difflib
import inspect
import re
from ast import literal_eval
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from bpframe.registry.kinds import KINDS

PROTOCOLS = {protocol.__name__: kind.name for kind in reversed(KINDS.values()) for protocol in kind.protocols}
WORDS = {"float": "a number", "int": "a whole number", "bool": "true or false", "str": "a text", "None": "nothing"}


class Mismatch(Exception):
    """A value is not what the annotation wants; the message says what is wanted and what was given."""


@dataclass(frozen=True)
class Wanted:
    """The alternatives of one annotation: "float | None" -> ("float", "None"); () accepts anything."""

    alternatives: tuple[str, ...]

    @property
    def kind(self) -> str | None:
        """The kind of component wanted, if one is."""
        return next((PROTOCOLS[a] for a in self.alternatives if a in PROTOCOLS), None)

    @property
    def kind_of_items(self) -> str | None:
        """The kind of component wanted in a sequence, if one is."""
        items = (re.fullmatch(r"(?:list|tuple|Sequence)\[(\w+).*\]", a) for a in self.alternatives)
        return next((PROTOCOLS[match[1]] for match in items if match and match[1] in PROTOCOLS), None)

    @property
    def number(self) -> bool:
        """Whether a float is wanted, for which a schedule may stand."""
        return "float" in self.alternatives

    def plain(self, value: Any) -> Any:
        """The value, converted where nothing is lost (1 -> 1.0), or Mismatch."""
        if not self.alternatives or any(_accepts(wanted, value) for wanted in self.alternatives):
            return _convert(self.alternatives, value)
        raise Mismatch(f"wants {' or '.join(map(_say, self.alternatives))}, got {value!r}.{self._suggest(value)}")

    def _suggest(self, value: Any) -> str:
        options = [option for a in self.alternatives for option in _options(a)]
        close = difflib.get_close_matches(str(value), options, n=1)
        return f" Did you mean '{close[0]}'?" if close else ""


def wanted(parameter: inspect.Parameter) -> Wanted:
    """What a constructor's parameter wants."""
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return Wanted(())
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"(?<![\w'\"])(?:\w+\.)+(?=\w)", "", text.strip("'\""))
    text = re.sub(r"^Optional\[(.*)\]$", r"\1 | None", text)
    return Wanted(tuple(part.strip() for part in re.split(r"\|(?![^\[]*\])", text)))


def _options(alternative: str) -> tuple[str, ...]:
    if not alternative.startswith("Literal["):
        return ()
    options = literal_eval(f"({alternative[8:-1]},)")
    return tuple(map(str, options))


def _accepts(alternative: str, value: Any) -> bool:
    flag = isinstance(value, bool)
    if options := _options(alternative):
        return isinstance(value, str) and value in options
    if alternative == "float":
        return isinstance(value, Real) and not flag
    if alternative == "int":
        return isinstance(value, Integral) and not flag
    simple = {"bool": bool, "str": str, "None": type(None)}
    if alternative in simple:
        return isinstance(value, simple[alternative])
    if match := re.fullmatch(r"(?:list|tuple|Sequence)\[(\w+).*\]", alternative):
        items = isinstance(value, Sequence) and not isinstance(value, str)
        return items and all(_accepts(match[1], item) for item in value)
    if re.match(r"(?:dict|Mapping)\b", alternative):
        return isinstance(value, Mapping)
    return alternative not in PROTOCOLS or not isinstance(value, str | Real | Mapping)


def _convert(alternatives: Sequence[str], value: Any) -> Any:
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value) if "int" in alternatives or "float" not in alternatives else float(value)
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    return tuple(value) if isinstance(value, list) and any(a.startswith("tuple[") for a in alternatives) else value


def _say(alternative: str) -> str:
    if options := _options(alternative):
        return f"one of {', '.join(options)}"
    if alternative in PROTOCOLS:
        return f"the name of {PROTOCOLS[alternative]}"
    return WORDS.get(alternative, alternative)
