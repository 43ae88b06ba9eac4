"""Program cache: traces a part of a step after it has run a few times, and binds the program to the fit's arrays.

Two levels. Programs are kept for the process, by `Traceable.key`, so that models alike trace and compile once. Bound
programs are kept for a fit, by name, and dropped when the arrays that they are bound to are replaced (`clear`). Only
pure components are traced, bpframe's own and those whose class says `pure = True`: side effects of others (counting
their calls, say) would be lost.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Protocol, final

import numpy as np

from bpframe.engine.numpy.tracing.buffer_assignment import BufferPool
from bpframe.engine.numpy.tracing.codegen import BoundProgram, Program
from bpframe.engine.numpy.tracing.recording import Recording
from bpframe.protocols.traits import is_pure
from bpframe.registry import registry
from bpframe.registry.nested import classes

EAGER_RUNS = 10  # runs of a part before the one that is traced
NEVER = -(2**62)  # the count of a part that cannot be traced
MAX_PROGRAMS = 256  # in the process; the least recently used is dropped
_programs: OrderedDict[Hashable, Program] = OrderedDict()


class Traceable(Protocol):
    """A part of a step that can be traced, with its present arrays."""

    def key(self) -> Hashable:
        """All that the generated code depends on besides `arguments`: components, shapes, dtypes."""

    def align(self) -> None:
        """Replace arrays that do not begin at a cache line by copies that do."""

    def arguments(self) -> Sequence[Any]:
        """The arrays that it reads or writes, and the objects that it reads numbers from."""

    def trace(self, recording: Recording) -> Sequence[Any]:
        """Run it on the recording's tracers; what its program returns."""


@final
class ProgramCache:
    """Bound programs by name, each with its owner: the object whose identity says that the arrays are still the same.

    Programs of one lane share temporaries, so they must not run at the same time. `components`: those whose code the
    programs replace.
    """

    def __init__(self, components: Iterable[object]) -> None:
        self._components, self._pure = list(components), False
        self._bound: dict[Hashable, tuple[BoundProgram, object]] = {}
        self._runs: dict[Hashable, int] = {}
        self._pools: defaultdict[int, BufferPool] = defaultdict(BufferPool)

    def get(self, name: Hashable, owner: object) -> BoundProgram | None:
        """The program of that name, if it was bound for this very owner."""
        program, bound_owner = self._bound.get(name, (None, None))
        return program if bound_owner is owner else None

    def get_or_record(self, name: Hashable, owner: object, part: Traceable, lane: int = 0) -> BoundProgram | None:
        """Bind the program of the part, traced now if it has run often enough; None while it has to run eagerly."""
        runs = self._runs[name] = self._runs.get(name, 0) + 1
        if runs != 1 and runs <= EAGER_RUNS:
            return None
        if not _are_distinct(part.arguments()):  # as at the start, when several states may be one array of zeros
            return None
        program = self._program(part, runs > EAGER_RUNS)
        if program is None:
            self._runs[name] = NEVER if runs > EAGER_RUNS else runs
            return None
        part.align()
        bound = program.bind(part.arguments(), self._pools[lane])
        self._bound[name] = bound, owner
        return bound

    def clear(self) -> None:
        """Drop the bound programs, since arrays were replaced; they are bound again when they are next asked for."""
        self._bound.clear()

    def _program(self, part: Traceable, record: bool) -> Program | None:
        """The part's program from the cache of the process, or, with `record`, a new one."""
        if not (_programs or record):
            return None
        key = part.key()
        try:
            program = _programs.pop(key, None)
        except TypeError:  # a component that cannot be hashed or compared
            return record_program(part) if record and self._are_pure() else None
        if program is None and record and self._are_pure():
            program = record_program(part)
        if program is not None:
            _programs[key] = program
        while len(_programs) > MAX_PROGRAMS:
            _programs.popitem(last=False)
        return program

    def _are_pure(self) -> bool:
        if self._components:
            types, self._components = classes(self._components), []
            self._pure = all(registry.owns(cls) or is_pure(cls) for cls in types)
        return self._pure


def _are_distinct(arguments: Sequence[object]) -> bool:
    """Whether no array is passed twice: a program may write into each."""
    arrays = [id(argument) for argument in arguments if isinstance(argument, np.ndarray)]
    return len(set(arrays)) == len(arrays)


def record_program(part: Traceable) -> Program | None:
    """Trace a part and compile its program; None where it cannot be traced."""
    recording = Recording(part.arguments())
    try:
        return recording.compile(*part.trace(recording))
    except Exception:  # whatever it is, it is raised again where the part itself runs
        return None
