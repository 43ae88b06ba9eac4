"""Buffer assignment: which array each result of a traced graph is computed into.

A buffer is an argument of the program, outputs among them, or a temporary from a `BufferPool`. Liveness decides, as in
XLA or a register allocator. An output is computed directly into its destination, if nothing that lies there is read
later. An elementwise result overwrites an operand that is read for the last time. Any other result takes a temporary of
its layout that is free; a temporary is free again after the last use of the value in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from bpframe.engine.numpy.tracing.tracer import Node, OpKind, Value, iter_values
from bpframe.ops import aligned
from bpframe.types import HostArray

Layout = tuple[tuple[int, ...], np.dtype[Any], tuple[int, ...]]  # shape, dtype, strides
Temporary = tuple[Layout, int]  # layout, number among the temporaries of that layout
BUFFERED = (OpKind.ELEMENTWISE, OpKind.MATMUL, OpKind.REDUCE, OpKind.CAST, OpKind.INDEX_PUT)  # have an output argument
OVERWRITING = (OpKind.ELEMENTWISE, OpKind.INDEX_PUT)  # whose result may be computed into an operand


def layout_of(array: HostArray) -> Layout:
    """Shape, dtype and strides; arrays that are alike in them can take the same buffer."""
    return array.shape, array.dtype, array.strides


@final
@dataclass
class BufferPool:
    """Memory for the temporaries of programs that run one at a time."""

    arrays: dict[Temporary, HostArray] = field(default_factory=dict)

    def get(self, temporary: Temporary) -> HostArray:
        """The array for a temporary, allocated when it is first asked for."""
        if temporary not in self.arrays:
            layout, _ = temporary
            self.arrays[temporary] = aligned.empty(*layout)
        return self.arrays[temporary]


@final
@dataclass(eq=False, frozen=True)
class Buffer:
    """An array that results are computed into: its name in the program, its layout, and whether it is a temporary."""

    name: str
    layout: Layout
    temporary: bool = False


@final
class BufferAssignment:
    """The buffers of a graph's values, assigned node by node.

    `arguments`: the buffers of values that exist before the first node. `outputs`: values with the buffers that they
    have to be in after the last. `returned`: values that the program returns.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        arguments: Mapping[Value, Buffer],
        outputs: Sequence[tuple[Value, Buffer]],
        returned: Sequence[Value],
    ) -> None:
        self.temporaries: dict[str, Temporary] = {}  # by name
        self._buffers: dict[Value, Buffer] = {}
        self._occupants: defaultdict[str, list[Value]] = defaultdict(list)  # by buffer: values that may yet be read
        self._free: dict[Layout, list[Buffer]] = {}
        self._counts: Counter[Layout] = Counter()  # of temporaries
        self._last_use = _last_uses(nodes, (*returned, *(value for value, _ in outputs)))
        self._hints = self._destination_hints(nodes, outputs)
        for value, buffer in arguments.items():
            self._occupy(value, buffer)
        for k, node in enumerate(nodes):
            if node.kind in BUFFERED:
                self._occupy(node.result, self._choose(k, node))
            self._release(k, node)

    def get(self, value: Value) -> Buffer | None:
        """The buffer of a value; None for numbers, views, and arrays that a call allocates."""
        return self._buffers.get(value)

    def is_in(self, value: Value, buffer: Buffer) -> bool:
        """Whether a value is computed into this buffer, or lies there from the start."""
        return value in self._buffers and self._buffers[value].name == buffer.name

    def _occupy(self, value: Value, buffer: Buffer) -> None:
        self._buffers[value] = buffer
        self._occupants[buffer.name].append(value)

    def _destination_hints(self, nodes: Sequence[Node], outputs: Sequence[tuple[Value, Buffer]]) -> dict[Value, Buffer]:
        """The destination of each output, handed on from a result to the operand that it can overwrite."""
        hints = dict(reversed(outputs))
        for k, node in reversed(list(enumerate(nodes))):
            buffer = hints.get(node.result)
            if buffer is None:
                continue
            for value in _overwritable(node):
                if self._last_use[value.root] == k and value.base is None and _layout(value) == buffer.layout:
                    hints.setdefault(value, buffer)
                    break
        return hints

    def _choose(self, k: int, node: Node) -> Buffer:
        """The buffer for the result of node k: its destination, an operand's, or a free temporary."""
        layout = layout_of(node.result.example)
        aliases = [value for value in _overwritable(node) if self._dies_at(value, k, layout)]
        hint = self._hints.get(node.result)
        if hint is not None and hint.layout == layout and self._is_dead(hint, k, aliases):
            return hint
        temporaries = (self._buffers[value] for value in aliases if self._buffers[value].temporary)
        return next(temporaries, None) or self._temporary(layout)

    def _temporary(self, layout: Layout) -> Buffer:
        free = self._free.setdefault(layout, [])
        if free:
            return free.pop()
        buffer = Buffer(f"w{len(self.temporaries)}", layout, temporary=True)
        self.temporaries[buffer.name] = layout, self._counts[layout]
        self._counts[layout] += 1
        return buffer

    def _dies_at(self, value: Value, k: int, layout: Layout) -> bool:
        """Whether a value of that layout is in a buffer of its own and node k is its last use."""
        buffer = self._buffers.get(value)
        return buffer is not None and buffer.layout == layout and self._last_use[value] == k

    def _is_dead(self, buffer: Buffer, k: int, aliases: Sequence[Value]) -> bool:
        """Whether no value in the buffer, other than `aliases`, is used by node k or later; k never falls."""
        live = [value for value in self._occupants[buffer.name] if self._last_use.get(value, -1) >= k]
        self._occupants[buffer.name] = live
        return all(value in aliases for value in live)

    def _release(self, k: int, node: Node) -> None:
        """Free the temporaries of values that are dead after node k."""
        roots = dict.fromkeys(value.root for value in (*node.inputs, node.result))  # in order: one graph has one text
        for value in roots:
            buffer = self._buffers.get(value)
            if buffer is not None and buffer.temporary and self._is_dead(buffer, k + 1, ()):
                free = self._free.setdefault(buffer.layout, [])
                if buffer not in free:
                    free.append(buffer)


def _last_uses(nodes: Sequence[Node], live_out: Iterable[Value]) -> dict[Value, int]:
    """The number of the last node that reads each value or a view of it; len(nodes) for those that are live at the end.

    For owners of memory only: a view counts as its root.
    """
    last = {value.root: len(nodes) for value in live_out}
    for k, node in enumerate(nodes):
        for value in node.inputs:
            last[value.root] = max(k, last.get(value.root, 0))
    return last


def _overwritable(node: Node) -> Sequence[Value]:
    """The operands that the result may be computed into."""
    if node.kind not in OVERWRITING:
        return ()
    return list(iter_values(node.operands[:1] if node.kind is OpKind.INDEX_PUT else node.operands))


def _layout(value: Value) -> Layout | None:
    return layout_of(value.example) if isinstance(value.example, np.ndarray) else None
