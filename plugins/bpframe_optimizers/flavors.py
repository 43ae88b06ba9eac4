"""Flavors of a rule: the published form, and those of PyTorch ("torch"), Keras and optax.

Names of which the forms coincide are synonyms: a rule keeps the first, so files and locks do not tell them apart. They
stand in the rule's class as `synonyms`, where a lock reads them without importing it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

from bpframe.plugin import checks

Synonyms = Mapping[str, tuple[tuple[str, ...], ...]]  # "flavor": the names of each form


class Flavored(Protocol):
    """A rule with the argument."""

    synonyms: ClassVar[Synonyms]

    @property
    def flavor(self) -> str:
        """Whose form it takes."""


def settle(owner: str, rule: Flavored) -> None:
    """Replace the flavor of a new rule by the first name of its form; ConfigError for a name of none."""
    forms = rule.synonyms["flavor"]
    checks.one_of(owner, tuple(name for form in forms for name in form), flavor=rule.flavor)
    (form,) = (form for form in forms if rule.flavor in form)
    object.__setattr__(rule, "flavor", form[0])
