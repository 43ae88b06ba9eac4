"""A function of arrays as the NumPy calls that it makes, written out as one Python program.

Between the calls of eager code lie the code of components, checks of shapes, and memory that is taken and given back;
on small arrays that is most of the time. A script has none of it: every result has a place, chosen once, in memory
that is used again as soon as nobody reads it, and an elementwise result writes over an operand that is read no more.
The calls are those that the function made, on operands of the same types and layouts, so the bits are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

from bpframe.engine.numpy.tracing.codegen import Place, Script, Template, Workspace, Writer, layout
from bpframe.engine.numpy.tracing.tracer import Line, Noted, Notes, Unwritable, Value
from bpframe.types import HostArray, State


@final
class Draft:
    """What a function is given and what it has to leave behind, while it is written down.

    `given`: every array that it reads or that results are left in, and every object that numbers are read from.
    """

    def __init__(self, given: Sequence[Any]) -> None:
        self.notes, self._given = Notes(), given
        self._names = {id(one): f"a{k}" for k, one in enumerate(given)}
        self._there: dict[Value, Place] = {}  # arrays that lie somewhere before the script runs
        self._read: list[tuple[Value, str]] = []  # numbers, and from where they are read
        self._into: list[tuple[Value, HostArray]] = []  # results, and where they have to be in the end
        self._kept: list[tuple[Value, str, State]] = []  # numbers that are put in a state in the end

    def array(self, array: HostArray) -> Noted:
        """An array."""
        value = Value(array)
        self._there[value] = self._place(array)
        return Noted(self.notes, value)

    def number(self, now: Any, where: str, holder: Any) -> Noted:
        """What is read when the script runs: "{}.name" or "{}['name']" of the holder, or "{}", the holder itself."""
        value = Value(now)
        self._read.append((value, where.format(self._names[id(holder)])))
        return Noted(self.notes, value)

    def deliver(self, result: Any, into: HostArray) -> None:
        """Have a result lie in this array in the end."""
        at = _value(result)
        if not isinstance(at.now, np.ndarray) or (at.now.shape, at.now.dtype) != (into.shape, into.dtype):
            raise Unwritable(f"{at.now!r} for a place of shape {into.shape}")
        self._into.append((at, into))

    def keep(self, result: Any, name: str, state: State) -> None:
        """Have a number put in a state in the end."""
        self._kept.append((_value(result), name, state))

    def finished(self, *returned: Any) -> Template:
        """The template, tried once; Unwritable where that gives other bits than the function gave."""
        given = [_value(result) for result in returned]
        template = self._written(given)
        self._try(template.script(self._given, Workspace()), given)
        return template

    def _written(self, given: Sequence[Value]) -> Template:
        into = [(value, self._place(array)) for value, array in self._into]
        lines, wanted = self._needed(given)
        writer = Writer(lines, self._there, into, given)
        for value, text in self._read:
            if value in wanted:
                writer.read(value, text)
        writer.write()
        for value, name, state in self._kept:
            writer.keep(value, f"{self._names[id(state)]}[{name!r}]")
        return writer.template(list(self._names.values()), given)

    def _needed(self, given: Sequence[Value]) -> tuple[list[Line], set[Value]]:
        """(the lines on which something depends that is left behind, all values that are needed)."""
        wanted = {*given, *(value for value, _ in self._into), *(value for value, *_ in self._kept)}
        needed: list[Line] = []
        for line in reversed(self.notes.lines):
            if line.result in wanted:
                wanted.update(line.uses)
                needed.append(line)
        return needed[::-1], wanted

    def _try(self, script: Script, given: Sequence[Value]) -> None:
        """Run the script and compare; everything is as it was before, then."""
        before = [into.copy() for _, into in self._into], [state[name] for _, name, state in self._kept]
        results = [*given, *(value for value, _ in self._into), *(value for value, *_ in self._kept)]
        wanted = [_bits(value.now) for value in results]
        try:
            made = script()
            ends = [*made, *(into for _, into in self._into), *(state[name] for _, name, state in self._kept)]
            same = [_bits(end) for end in ends] == wanted
        finally:
            for (_, into), array in zip(self._into, before[0], strict=True):
                np.copyto(into, array)
            for (_, name, state), number in zip(self._kept, before[1], strict=True):
                state[name] = number
        if not same:
            raise Unwritable("other bits than those of the function")

    def _place(self, array: HostArray) -> Place:
        return Place(self._names[id(array)], layout(array))


def _value(result: Any) -> Value:
    return result.at if isinstance(result, Noted) else Value(result)


def _bits(value: Any) -> tuple[Any, bytes]:
    array = np.asarray(value)
    return array.dtype, array.tobytes()
