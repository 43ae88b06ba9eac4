"""The pages of what authors look up: h, the conformance kit's members, hooks."""

from __future__ import annotations

from collections.abc import Iterator

from bpframe.engine import hyperparameters
from bpframe.engine.hyper_members import MEANINGS
from bpframe.registry import KINDS
from bpframe.testing import members
from bpframe.testing.members import MEMBERS
from bpframe.training import hooks
from bpframe.training.run_state import RunState
from tools.reference.markdown import item, paragraphs, prose, signature, table
from tools.reference.modules import class_entry

OF_SETTINGS = """
Methods of optimizers, gradient steps, regularizers and constraints are given `h`. It has the constructor's arguments by
their names: every float as its value at this update, whatever schedule it follows (`h.lr`), every argument that is a
component as an h of its own (`h.inner.beta1`). Text, flags and whole numbers stay on the component. In a program that a
compiler makes, numbers of h are arrays: no `if h.lr > 0`, no `float(h.lr)`.
""".strip()


def h_page() -> Iterator[str]:
    """The members of h."""
    yield "# h: the settings of this update"
    yield OF_SETTINGS
    yield "Besides, each h, inner ones too, has:"
    known = [name for name in MEANINGS if name in hyperparameters.KNOWN]
    yield table(("member", "known to", "what it is"), [(f"`h.{name}`", *MEANINGS[name]) for name in known])
    yield "A member that is not known is None."


def kit_members_page() -> Iterator[str]:
    """The members by which a component tells the conformance kit what it is for."""
    yield "# The kit's members"
    yield prose(members)
    yield "`bpframe check`, and `bpframe.testing.check`, read these besides the [protocols](protocols.md)."
    for kind in ("any", *(name for name in KINDS if any(name in member.kinds for member in MEMBERS))):
        yield f"## {'Any component' if kind == 'any' else KINDS[kind].plural.replace('_', ' ').capitalize()}"
        rows = [(f"`{m.form}`", paragraphs(m.meaning)) for m in MEMBERS if kind in m.kinds]
        yield table(("member", "what it says"), rows)


def hooks_page() -> Iterator[str]:
    """The hooks of a fit, and the state that each is given."""
    yield "# Hooks"
    yield prose(hooks)
    yield "The mark is `bpframe.hookimpl`; how to use them: [Write a callback](../how-to/write-a-callback.md)."
    yield "\n\n".join(item(signature(name, getattr(hooks, name)), getattr(hooks, name)) for name in hooks.SPECS)
    yield from class_entry(RunState)
