"""What a component of any kind is asked for: a docstring, a repr and arguments from which it can be made again."""

from __future__ import annotations

import json
import math
import re
from functools import partial
from typing import Any

from bpframe.registry import arguments, build, registry
from bpframe.registry.describe import describe
from bpframe.registry.labelled import Labelled
from bpframe.registry.nested import classes
from bpframe.testing.laws.comparison import require
from bpframe.testing.report import Check, Skipped

FORMULAS = ("activation", "layer", "loss", "optimizer", "gradient_step", "schedule", "regularizer", "constraint")
FORMULA = re.compile(r"=|<-|->|[←→∈≤≥<>]")


def component_checks(kind: str, component: Any) -> dict[str, Check]:
    """The checks by name, "protocol" first: without it no other makes sense."""
    return {
        "protocol": partial(registry.check, kind, component, None),
        "docstring": partial(_documented, kind, component),
        "repr": partial(_represented, component),
        "arguments": partial(_rebuilt, component),
        "json": partial(_described, kind, component),
    }


def _documented(kind: str, component: Any) -> None:
    """The class says what it computes, in words of its own: what a dataclass or a base class says does not count."""
    cls = type(component)
    text = vars(cls).get("__doc__") or ""
    require(text.strip() and not text.startswith(f"{cls.__name__}("), "the class needs a docstring: formula and source")
    if kind in FORMULAS:
        require(FORMULA.search(text), f"the docstring needs a formula, as in 'v = max(u, 0)', got {text.strip()!r}")


def _represented(component: Any) -> None:
    """eval(repr(component)) is the component, its class and those of its arguments being known."""
    if not _speaks(component):
        raise Skipped("it has the repr of every object; a dataclass has one that makes it again")
    text = repr(component)
    scope: dict[str, Any] = {"inf": math.inf, "nan": math.nan}
    for cls in {Labelled, *classes([component])}:
        text = text.replace(f"{cls.__qualname__}(", f"{cls.__name__}(")  # a class inside a function has dots
        scope[cls.__name__] = cls
    try:
        again = eval(text, scope)
    except Exception as error:
        message = f"repr must be an expression that makes the component again; {text} raises {error}"
        require(False, f"{message}. A dataclass has one.")
    _equal("eval(repr(...))", again, component)


def _rebuilt(component: Any) -> None:
    """Attributes are named like the constructor's arguments, and make an equal component."""
    _equal("the component made from its own arguments", type(component)(**arguments(component)), component)


def _described(kind: str, component: Any) -> None:
    """Arguments survive JSON, where configs and model files keep them."""
    if registry.provider_of(kind, component) is None:
        raise Skipped(f"it has no name: bp.register('{kind}', ...) gives it one")
    spec = describe(registry, kind, component)
    again = build(kind, json.loads(json.dumps(spec)))
    require(describe(registry, kind, again) == spec, f"arguments must survive JSON: {spec} became another")
    _equal("the component built from its description", again, component)


def _speaks(component: Any) -> bool:
    """Whether its repr says more than where it lies in memory."""
    own: Any = type(component).__repr__
    return own is not object.__repr__


def _equal(name: str, got: Any, want: Any) -> None:
    """Of one class, with one repr, and equal where the class says what that is."""
    alike = repr(got) == repr(want) if _speaks(want) else arguments(got) == arguments(want)
    require(type(got) is type(want) and alike, f"{name} must be {want!r}, got {got!r}")
    own = vars(type(want)).get("__eq__")
    require(own is None or bool(got == want), f"{name} must be equal to the component {want!r}")
