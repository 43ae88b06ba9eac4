"""The scripts of a fit: parts of a step that are written down once they were made a few times.

Only pure components are written down, bpframe's own and those whose class says `pure = True`: what others do besides
(counting their calls, say) would be lost. Templates are kept for the process, so that models alike write one.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Protocol, final

import numpy as np

from bpframe.engine.numpy.tracing.codegen import Script, Template, Workspace
from bpframe.engine.numpy.tracing.recording import Draft
from bpframe.protocols.traits import is_pure
from bpframe.registry import registry
from bpframe.registry.nested import classes

OFTEN = 10  # runs before the one that is written down
NEVER = -(2**62)
KEPT = 256  # templates; the least recently used goes
_templates: OrderedDict[Hashable, Template] = OrderedDict()


class Part(Protocol):
    """A part of a step, as it is at present."""

    def key(self) -> Hashable:
        """All that its code depends on but `given`."""

    def settle(self) -> None:
        """Have arrays lie where work on them is fast."""

    def given(self) -> Sequence[Any]:
        """The arrays that it reads or writes, and the objects that it reads numbers from."""

    def write(self, draft: Draft) -> Sequence[Any]:
        """Run it on what the draft hands out; what its script is to give back."""


@final
class Scripts:
    """Scripts by name, each with the object for which it was bound; those of one lane share their workspace.

    `components`: whose code the scripts replace.
    """

    def __init__(self, components: Iterable[Any]) -> None:
        self._components, self._pure = list(components), False
        self._found: dict[Any, tuple[Script, Any]] = {}
        self._runs: dict[Any, int] = {}
        self._workspaces: defaultdict[int, Workspace] = defaultdict(Workspace)

    def found(self, name: Any, of: Any) -> Script | None:
        """The script of that name, if it was bound for this very object."""
        script, owner = self._found.get(name, (None, None))
        return script if owner is of else None

    def sought(self, name: Any, of: Any, part: Part, lane: int = 0) -> Script | None:
        """A script for the part, if there is a template, or now is the time to write one."""
        runs = self._runs[name] = self._runs.get(name, 0) + 1
        if runs != 1 and runs <= OFTEN:
            return None
        given = part.given()
        if not _apart(given):  # as at the start, when several states may be one array of zeros
            return None
        template = self._template(part, runs > OFTEN)
        if template is None:
            self._runs[name] = NEVER if runs > OFTEN else runs
            return None
        part.settle()
        script = template.script(part.given(), self._workspaces[lane])
        self._found[name] = script, of
        return script

    def forget(self) -> None:
        """Bind every script anew, since arrays are others now."""
        self._found.clear()

    def _template(self, part: Part, write: bool) -> Template | None:
        key = part.key()
        try:
            found = _templates.pop(key, None)
        except TypeError:  # a component that cannot be compared
            return written(part) if write and self._are_pure() else None
        if found is None and write and self._are_pure():
            found = written(part)
        if found is not None:
            _templates[key] = found
        while len(_templates) > KEPT:
            _templates.popitem(last=False)
        return found

    def _are_pure(self) -> bool:
        if self._components:
            found, self._components = classes(self._components), []
            self._pure = all(registry.owns(cls) or is_pure(cls) for cls in found)
        return self._pure


def _apart(given: Sequence[Any]) -> bool:
    """Whether no array is given twice: a script writes into each."""
    arrays = [id(one) for one in given if isinstance(one, np.ndarray)]
    return len(set(arrays)) == len(arrays)


def written(part: Part) -> Template | None:
    """The template of a part; None where it cannot be written."""
    draft = Draft(part.given())
    try:
        return draft.finished(*part.write(draft))
    except Exception:  # whatever it is, it comes again where the part itself is run
        return None
