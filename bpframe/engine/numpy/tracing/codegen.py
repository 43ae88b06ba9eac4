"""How the lines of a function become a program: a place for every result, and the text.

A result that is left behind comes to lie where it has to be from the beginning, if nobody reads what lies there any
more; an elementwise result is written over an operand that is read for the last time; every other result takes a place
of the workspace that is free.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, final

import numpy as np

from bpframe.engine.numpy.tracing.tracer import Kind, Line, Value, values
from bpframe.ops import aligned
from bpframe.types import HostArray

Script = Callable[[], tuple[Any, ...]]
Layout = tuple[tuple[int, ...], Any, tuple[int, ...]]  # shape, dtype, strides
PLACED = (Kind.ELEMENT, Kind.PRODUCT, Kind.REDUCE, Kind.CAST, Kind.WRITE)  # whose results can be told where to lie

NAMED = (np.maximum, np.minimum)  # that want the place of their result by name


def layout(array: HostArray) -> Layout:
    """What two arrays have in common that can lie in the same place."""
    return array.shape, array.dtype, array.strides


@final
@dataclass
class Workspace:
    """Memory for results that nobody reads after a script has ended; its scripts run one at a time."""

    arrays: dict[tuple[Layout, int], HostArray] = field(default_factory=dict)

    def place(self, wanted: Layout, number: int) -> HostArray:
        """The array of that number among those laid out so."""
        if (wanted, number) not in self.arrays:
            self.arrays[wanted, number] = aligned.empty(*wanted)
        return self.arrays[wanted, number]


@final
@dataclass(frozen=True)
class Template:
    """A script for any objects like those that it was written for; `places`: what it needs of a workspace."""

    bind: Callable[..., Script]
    places: Sequence[tuple[Layout, int]]

    def script(self, given: Sequence[Any], workspace: Workspace) -> Script:
        """The script for these objects; what it gives back is valid until another of that workspace runs."""
        return self.bind(*given, *(workspace.place(*place) for place in self.places))


@final
@dataclass(eq=False, frozen=True)
class Place:
    """Where a result may lie: its name in the program, how it is laid out, whether it is the workspace's."""

    name: str
    layout: Layout
    own: bool = False


@final
class Writer:
    """Chooses places and writes the program, line by line.

    `there`: where values lie before the first line; `into`: where results have to lie behind the last; `given`: what
    the program gives back.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        there: dict[Value, Place],
        into: Sequence[tuple[Value, Place]],
        given: Sequence[Value],
    ) -> None:
        self._lines, self._into = lines, into
        self._constants: dict[int, str] = {}  # names by id
        self._known: dict[str, Any] = {}  # constants by name
        self._numbers: dict[Any, HostArray] = {}  # constant numbers as arrays
        self._views: list[str] = []  # made once, when the script is bound
        self._code: list[str] = []
        self._texts = {value: place.name for value, place in there.items()}
        self._lying = dict(there)
        self._places: dict[str, tuple[Layout, int]] = {}  # of the workspace, by name
        self._free: dict[Layout, list[Place]] = {}
        end = len(lines)
        self._last = {value.root: end for value in (*given, *(value for value, _ in into))}
        for k, line in enumerate(lines):
            for value in line.uses:
                self._last[value.root] = max(k, self._last.get(value.root, 0))
        self._hints = self._hinted()

    # ------------------------------------------------------------------------------------------------------ the text

    def read(self, value: Value, text: str) -> None:
        """A line that reads a number."""
        self._code.append(f"{self._named(value)} = {text}")

    def keep(self, value: Value, text: str) -> None:
        """A line that puts a number somewhere."""
        self._code.append(f"{text} = {self._text(value)}")

    def write(self) -> None:
        """All lines, and copies of results that did not come to lie where they have to."""
        for k, line in enumerate(self._lines):
            self._line(k, line)
            self._release(k, line)
        left = [(value, into) for value, into in self._into if not self._lies(value, into)]
        own = {value for value, _ in left if value in self._lying and self._lying[value].own}
        for value, into in sorted(left, key=lambda pair: pair[0] in own):  # last what lies where nobody else has to
            self._copy(into.name, value)

    def template(self, given: Sequence[str], returned: Sequence[Value]) -> Template:
        """A function that makes the views that the script needs, and the script with them."""
        back = "".join(f"{self._text(value)}, " for value in returned)
        script = ["    def script():", *(f"        {line}" for line in self._code), f"        return ({back})"]
        views = [f"    {line}" for line in self._views]
        text = "\n".join([f"def bind({', '.join([*given, *self._places])}):", *views, *script, "    return script"])
        exec(_compiled(text), self._known)
        return Template(self._known.pop("bind"), list(self._places.values()))

    def _line(self, k: int, line: Line) -> None:
        if line.kind is Kind.VIEW and line.result.root in self._lying:
            self._view(self._named(line.result), line.function, line.operands)
        elif line.kind in PLACED:
            self._placed(k, line)
        else:
            self._code.append(
                f"{self._named(line.result)} = {self._called(line.function, line.operands, line.options)}"
            )

    def _placed(self, k: int, line: Line) -> None:
        place, first = self._place(k, line), line.operands[0]
        there = line.kind is Kind.WRITE and self._lies(first, place)
        self._lying[line.result], self._texts[line.result] = place, place.name
        if line.kind is Kind.CAST:
            self._copy(place.name, first)
        elif line.kind is Kind.WRITE:
            if not there:
                self._copy(place.name, first)
            part = f"v{len(self._views)}"
            self._view(part, np.ndarray.__getitem__, (line.result, line.operands[1]))
            self._copy(part, line.operands[2])
        elif line.kind is Kind.REDUCE:
            x, axis, dtype, _, keepdims = line.operands
            self._code.append(self._called(line.function, (x, axis, dtype, line.result, keepdims)))
        else:
            operands = line.operands if line.kind is Kind.PRODUCT else self._arrays(line.operands)
            named = line.function in NAMED
            given = (operands, {"out": line.result}) if named else ((*operands, line.result), None)
            self._code.append(self._called(line.function, *given))

    def _arrays(self, operands: Sequence[Any]) -> list[Any]:
        """The operands, constant numbers as arrays without axes, which NumPy need not look at for their type."""
        dtype = next(value.now.dtype for value in values(operands) if isinstance(value.now, np.ndarray))
        known = dtype.kind == "f"
        return [self._array(x, dtype) if known and isinstance(x, np.generic | float | int) else x for x in operands]

    def _array(self, number: Any, dtype: Any) -> HostArray:
        known = type(number), number, dtype
        if known not in self._numbers:
            self._numbers[known] = np.asarray(number, number.dtype if isinstance(number, np.generic) else dtype)
        return self._numbers[known]

    def _view(self, name: str, function: Any, operands: Any) -> None:
        self._views.append(f"{name} = {self._called(function, operands)}")

    def _copy(self, into: str, what: Any) -> None:
        self._code.append(f"{self._constant(np.copyto)}({into}, {self._text(what)}, 'unsafe')")

    def _called(self, function: Any, operands: Any, options: dict[str, Any] | None = None) -> str:
        given = [self._text(x) for x in operands] + [f"{n}={self._text(x)}" for n, x in (options or {}).items()]
        return f"{self._constant(function)}({', '.join(given)})"

    def _named(self, value: Value) -> str:
        self._texts[value] = f"n{len(self._texts)}"
        return self._texts[value]

    def _text(self, what: Any) -> str:
        if isinstance(what, Value):
            return self._texts[what] if what in self._texts else self._text(what.now)
        if isinstance(what, tuple | list) and any(True for _ in values(what)):
            return f"[{', '.join(map(self._text, what))}]"
        return repr(what) if what is None or isinstance(what, bool | int | str) else self._constant(what)

    def _constant(self, what: Any) -> str:
        name = self._constants.get(id(what))
        if name is None:
            name = self._constants[id(what)] = f"c{len(self._constants)}"
            self._known[name] = what
        return name

    # ----------------------------------------------------------------------------------------------------- the places

    def _hinted(self) -> dict[Value, Place]:
        """Where results should lie, so that those that are left behind come to lie where they have to."""
        hints = dict(reversed(self._into))
        for k in range(len(self._lines) - 1, -1, -1):
            line = self._lines[k]
            place = hints.get(line.result)
            if place is None or line.kind not in (Kind.ELEMENT, Kind.WRITE):
                continue
            for value in values(line.operands[:1] if line.kind is Kind.WRITE else line.operands):
                if self._last[value.root] == k and value.base is None and _laid(value) == place.layout:
                    hints.setdefault(value, place)
                    break
        return hints

    def _place(self, k: int, line: Line) -> Place:
        """Where the result of line k is to lie."""
        wanted = layout(line.result.now)
        over = [value for value in values(line.operands) if self._over(value, k, line, wanted)]
        hint = self._hints.get(line.result)
        if hint is not None and hint.layout == wanted and self._empty(hint, k, over):
            return hint
        own = (self._lying[value] for value in over if self._lying[value].own)
        return next(own, None) or self._fresh(wanted)

    def _fresh(self, wanted: Layout) -> Place:
        free = self._free.setdefault(wanted, [])
        if free:
            return free.pop()
        number = sum(other == wanted for other, _ in self._places.values())
        place = Place(f"w{len(self._places)}", wanted, own=True)
        self._places[place.name] = wanted, number
        return place

    def _over(self, value: Value, k: int, line: Line, wanted: Layout) -> bool:
        """Whether line k may write over a value, which is read for the last time there."""
        if line.kind not in (Kind.ELEMENT, Kind.WRITE) or (line.kind is Kind.WRITE and value is not line.operands[0]):
            return False
        place = self._lying.get(value)
        return place is not None and place.layout == wanted and self._last[value] == k

    def _lies(self, value: Value, place: Place) -> bool:
        return value in self._lying and self._lying[value].name == place.name

    def _empty(self, place: Place, k: int, over: Sequence[Value]) -> bool:
        """Whether a place that results have to lie in holds nothing at line k that is read later."""
        return not any(
            where.name == place.name and self._last.get(value, -1) >= k and value not in over
            for value, where in self._lying.items()
        )

    def _release(self, k: int, line: Line) -> None:
        """Give places back whose values are read no more."""
        for value in {value.root for value in (*line.uses, line.result)}:
            place = self._lying.get(value)
            if place is not None and place.own and self._empty(place, k + 1, ()):
                free = self._free.setdefault(place.layout, [])
                if place not in free:
                    free.append(place)


def _laid(value: Value) -> Layout | None:
    return layout(value.now) if isinstance(value.now, np.ndarray) else None


@lru_cache(maxsize=256)
def _compiled(text: str) -> Any:
    """Models alike have one text, which is compiled once."""
    return compile(text, "<script of NumPy calls>", "exec")
