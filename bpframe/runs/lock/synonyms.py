"""Synonyms among the values of an argument, read from the source of a component without importing it.

A component whose constructor replaces one of several equal names by the first of them says so in its class, by
literals: `synonyms = {"flavor": (("paper", "torch"), ("keras",))}`. A lock has what the constructor keeps.
"""

from __future__ import annotations

import ast
from typing import Any, final

from bpframe.registry.source_code import find_definition


@final
class Synonyms:
    """Those of the component that a target "module:attribute" makes; none where the source does not show them."""

    def __init__(self, target: str) -> None:
        found = find_definition(target)
        body = found.node.body if found and isinstance(found.node, ast.ClassDef) else []
        self._forms = next((forms for node in body if (forms := _literal(node)) is not None), {})

    def kept(self, name: str, value: Any) -> Any:
        """The value that the constructor keeps of one that it is given as this argument."""
        said = self._forms.get(name)
        forms = [form for form in said if isinstance(form, tuple) and form] if isinstance(said, tuple) else []
        return next((form[0] for form in forms if value in form), value)


def _literal(node: ast.stmt) -> dict[Any, Any] | None:
    """The mapping that a statement assigns to `synonyms`; None for any other statement."""
    if not isinstance(node, ast.AnnAssign | ast.Assign) or node.value is None:
        return None
    to = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    if not isinstance(to, ast.Name) or to.id != "synonyms":
        return None
    try:
        forms = ast.literal_eval(node.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return forms if isinstance(forms, dict) else None
