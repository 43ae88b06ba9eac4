"""Constructor annotations: the type that an argument accepts, and whether a value is of it.

Annotations are read as text, so a plugin may write `inner: "Optimizer"` without importing anything.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
from ast import literal_eval
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any

from bpframe import checks
from bpframe.registry.kinds import KINDS

PROTOCOLS = {protocol.__name__: kind.name for kind in KINDS.values() for protocol in kind.protocols}  # Layer: a layer
NAMES = re.compile(r"[A-Za-z_]\w*( \| [A-Za-z_]\w*)*")
SIMPLE: Mapping[str, type] = {"bool": bool, "str": str, "None": type(None)}
WORDS = {"float": "a number", "int": "a whole number", "bool": "true or false", "str": "a text", "None": "nothing"}


class Mismatch(Exception):
    """A value is not what the annotation wants; the message says what is wanted and what was given."""


@dataclass(frozen=True)
class Wanted:
    """The alternatives of one annotation: "float | None" -> ("float", "None"); () accepts anything."""

    alternatives: tuple[str, ...]

    @cached_property
    def kind(self) -> str | None:
        """The kind of component wanted, if one is."""
        return next((PROTOCOLS[a] for a in self.alternatives if a in PROTOCOLS), None)

    @cached_property
    def kind_of_items(self) -> str | None:
        """The kind of component wanted in a sequence, if one is."""
        items = (re.fullmatch(r"(?:list|tuple|Sequence)\[(\w+).*\]", a) for a in self.alternatives)
        return next((PROTOCOLS[match[1]] for match in items if match and match[1] in PROTOCOLS), None)

    @cached_property
    def number(self) -> bool:
        """Whether a float is wanted, for which a schedule may stand."""
        return "float" in self.alternatives

    def plain(self, value: object) -> Any:
        """The value, converted where nothing is lost (1 -> 1.0), or Mismatch."""
        if type(value) is float and self.number:  # mostly
            return value
        if not self.alternatives or any(_accepts(wanted, value) for wanted in self.alternatives):
            if isinstance(value, int) and abs(value) >= checks.MOST_WHOLE:
                _refuse_huge(value, "int" in self.alternatives)
            return _convert(self.alternatives, value)
        got = checks.as_text(value)
        text = value if isinstance(value, str) else got
        raise Mismatch(f"wants {' or '.join(map(_say, self.alternatives))}, got {got}.{self._suggest(text)}")

    def _suggest(self, value: object) -> str:
        import difflib  # by errors alone

        options = [str(option) for a in self.alternatives for option in _options(a)]
        close = difflib.get_close_matches(str(value), options, n=1)
        return f" Did you mean '{close[0]}'?" if close else ""


def _refuse_huge(value: int, whole: bool) -> None:
    if whole or not checks.fits(value, "float64"):
        most = "a whole number below 2**128" if whole else "a number of at most 1.8e308"
        raise Mismatch(f"wants {most}, got {checks.as_text(value)}.")


def wanted(parameter: inspect.Parameter) -> Wanted:
    """What a constructor's parameter wants; without an annotation, a default such as 0.01 says that it is a float."""
    annotation = parameter.annotation
    if annotation is inspect.Parameter.empty:
        return Wanted(("float",) if isinstance(parameter.default, float) else ())
    return _wanted(annotation if isinstance(annotation, str) else inspect.formatannotation(annotation))


@functools.lru_cache(maxsize=1024)
def _wanted(text: str) -> Wanted:
    if NAMES.fullmatch(text):  # mostly, and in a tenth of the time
        return Wanted(tuple("None" if name == "NoneType" else name for name in text.split(" | ")))
    try:
        return Wanted(_read(ast.parse(text, mode="eval").body))
    except SyntaxError:  # an object that has no text of its own
        return Wanted(())


def _read(node: ast.expr) -> tuple[str, ...]:
    """The alternatives of an annotation, without the modules that its names come from."""
    if isinstance(node, ast.Call) and node.args:  # ForwardRef('Optimizer')
        return _read(node.args[0])
    if isinstance(node, ast.BinOp):
        return _read(node.left) + _read(node.right)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _read(ast.parse(node.value, mode="eval").body)
    if not isinstance(node, ast.Subscript):
        name = ast.unparse(node).split(".")[-1] if not isinstance(node, ast.Constant) else ast.unparse(node)
        return ("None" if name == "NoneType" else name,)
    outer = ast.unparse(node.value).split(".")[-1]
    items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if outer in ("Annotated", "Final"):
        return _read(items[0])
    if outer in ("Optional", "Union"):
        return tuple(name for item in items for name in _read(item)) + ("None",) * (outer == "Optional")
    literal = outer == "Literal"
    inner = ", ".join(ast.unparse(item) if literal else " | ".join(_read(item)) for item in items)
    return (f"{outer.lower() if outer in ('List', 'Tuple', 'Dict') else outer}[{inner}]",)


def is_option(want: Wanted, value: object) -> bool:
    """Whether a value is one of those that the annotation lists."""
    return any(_options(alternative) and _accepts(alternative, value) for alternative in want.alternatives)


@functools.lru_cache(maxsize=1024)
def _options(alternative: str) -> tuple[Any, ...]:
    if not alternative.startswith("Literal["):
        return ()
    options: tuple[Any, ...] = literal_eval(f"({alternative[8:-1]},)")
    return options


def _accepts(alternative: str, value: object) -> bool:
    flag = isinstance(value, bool)
    if options := _options(alternative):
        return any(type(value) is type(option) and value == option for option in options)
    if alternative == "float":
        return isinstance(value, Real) and not flag
    if alternative == "int":
        return isinstance(value, Integral) and not flag
    if alternative in SIMPLE:
        return isinstance(value, SIMPLE[alternative])
    if match := re.fullmatch(r"(?:list|tuple|Sequence)\[(\w+).*\]", alternative):
        if not isinstance(value, Sequence) or isinstance(value, str):
            return False
        return all(_accepts(match[1], item) for item in value)
    if re.match(r"(?:dict|Mapping)\b", alternative):
        return isinstance(value, Mapping)
    return alternative not in PROTOCOLS or not isinstance(value, str | Real | Mapping)


def _convert(alternatives: Sequence[str], value: object) -> Any:
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value) if "int" in alternatives or "float" not in alternatives else float(value)
    if isinstance(value, Real) and not isinstance(value, bool):
        return float(value)
    return tuple(value) if isinstance(value, list) and any(a.startswith("tuple[") for a in alternatives) else value


def _say(alternative: str) -> str:
    if options := _options(alternative):
        return f"one of {', '.join(map(str, options))}"
    if alternative in PROTOCOLS:
        return f"the name of {PROTOCOLS[alternative]}"
    return WORDS.get(alternative, alternative)
