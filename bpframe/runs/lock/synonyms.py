"""Synonyms among the values of an argument, and values that others bring, read from source without importing it.

A component whose constructor replaces one of several equal names by the first of them says so in its class, by
literals: `synonyms = {"flavor": (("paper", "torch"), ("keras",))}`. One whose constructor takes what is left out, None,
from the value of another argument, by default its first: `left_out = {"convention": {"torch": {"eps": 1e-5}, "keras":
{"eps": 1e-3}}}`. A lock has what the constructor keeps.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, final

from bpframe.registry.source_code import find_definition


@final
class Synonyms:
    """Those of the component that a target "module:attribute" makes; none where the source does not show them."""

    def __init__(self, target: str) -> None:
        found = find_definition(target)
        body = found.node.body if found and isinstance(found.node, ast.ClassDef) else []
        self._forms, self._left_out = (_mapping(body, name) for name in ("synonyms", "left_out"))

    def kept(self, name: str, value: Any, given: Mapping[str, Any]) -> Any:
        """The value that the constructor keeps of one that it is given as this argument, beside the others."""
        said = self._forms.get(name)
        forms = [form for form in said if isinstance(form, tuple) and form] if isinstance(said, tuple) else []
        value = next((form[0] for form in forms if value in form), value)
        return self._brought(name, given) if value is None else value

    def _brought(self, name: str, given: Mapping[str, Any]) -> Any:
        """What another argument brings; None where none does."""
        for by, values in self._left_out.items():
            chosen = values.get(given.get(by) or next(iter(values), None)) if isinstance(values, dict) else None
            if isinstance(chosen, dict) and name in chosen:
                return chosen[name]
        return None


def _mapping(body: list[ast.stmt], name: str) -> dict[Any, Any]:
    """The mapping that a class assigns to this name; empty where it assigns none."""
    return next((found for node in body if (found := _literal(node, name)) is not None), {})


def _literal(node: ast.stmt, name: str) -> dict[Any, Any] | None:
    """The mapping that a statement assigns to the name; None for any other statement."""
    if not isinstance(node, ast.AnnAssign | ast.Assign) or node.value is None:
        return None
    to = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    if not isinstance(to, ast.Name) or to.id != name:
        return None
    try:
        forms = ast.literal_eval(node.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return forms if isinstance(forms, dict) else None
