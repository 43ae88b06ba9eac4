"""Recording: arguments, graph and outputs of one traced function, and the program compiled from them.

Between the NumPy calls of eager code lie the code of components, checks of shapes, and memory that is allocated and
freed; on small arrays that is most of the time. The program has none of it: every result has a buffer, assigned once.
Its calls are those that the function made, on operands of the same types and layouts, so the bits are the same. Its
first run is compared with the traced one bit by bit, and a program that differs is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, final

import numpy as np

from bpframe.engine.numpy.tracing.buffer_assignment import Buffer, BufferPool, layout_of
from bpframe.engine.numpy.tracing.codegen import BoundProgram, CodeGenerator, Program
from bpframe.engine.numpy.tracing.tracer import Graph, Node, Tracer, Untraceable, Value
from bpframe.types import HostArray, State

COMPARED = 2**16  # numbers whose bytes are compared at a time


@final
class Recording:
    """Hands out tracers for the arguments of a function and takes its outputs.

    `arguments`: every array that it reads or that an output is written into, and every object that numbers are read
    from.
    """

    def __init__(self, arguments: Sequence[Any]) -> None:
        self.graph, self._arguments = Graph(), arguments
        self._names = {id(argument): f"a{k}" for k, argument in enumerate(arguments)}
        self._inputs: dict[Value, Buffer] = {}
        self._loads: list[tuple[Value, str]] = []  # numbers, with the expressions that read them
        self._scratch: list[HostArray] = []  # arguments that may be overwritten
        self._outputs: list[tuple[Value, HostArray]] = []  # results, with their destinations
        self._stores: list[tuple[Value, str, State]] = []  # numbers that are assigned to an item of a state

    def array(self, array: HostArray) -> Tracer:
        """The tracer of an argument."""
        value = Value(array)
        self._inputs[value] = self._buffer(array)
        return Tracer(self.graph, value)

    def scratch(self, array: HostArray) -> Tracer:
        """The tracer of an argument that the program may overwrite: it is a temporary with a first value."""
        value = Value(array)
        self._inputs[value] = Buffer(self._names[id(array)], layout_of(array), temporary=True)
        self._scratch.append(array)
        return Tracer(self.graph, value)

    def number(self, example: object, path: str, owner: object) -> Tracer:
        """The tracer of a number that the program reads at each run.

        `path`: "{}.name" or "{}['name']" of the owner, one of the arguments, or "{}", the owner itself.
        """
        value = Value(example)
        self._loads.append((value, path.format(self._names[id(owner)])))
        return Tracer(self.graph, value)

    def output(self, result: object, destination: HostArray) -> None:
        """Have the program leave a result in this array, one of the arguments."""
        value = _current_value(result)
        array, wanted = value.example, (destination.shape, destination.dtype)
        if not isinstance(array, np.ndarray) or (array.shape, array.dtype) != wanted:
            raise Untraceable(f"{array!r} for an output of shape {destination.shape}")
        self._outputs.append((value, destination))

    def store(self, result: object, name: str, state: State) -> None:
        """Have the program assign a number to an item of a state, one of the arguments."""
        self._stores.append((_current_value(result), name, state))

    def compile(self, *returned: object) -> Program:
        """The program that returns these results, verified once; Untraceable where its bits differ from the traced."""
        values = [_current_value(result) for result in returned]
        program = self._generate(values)
        self.graph.nodes.clear()  # and with them all examples but those of the results: a large batch has many of them
        self._verify(program.bind(self._arguments, BufferPool()), values)
        return program

    def _generate(self, returned: Sequence[Value]) -> Program:
        outputs = [(value, self._buffer(array)) for value, array in self._outputs]
        nodes, live = self._eliminate_dead_code(returned)
        generator = CodeGenerator(nodes, self._inputs, outputs, returned)
        for value, source in self._loads:
            if value in live:
                generator.load(value, source)
        generator.generate()
        for value, name, state in self._stores:
            generator.store(value, f"{self._names[id(state)]}[{name!r}]")
        return generator.program(list(self._names.values()))

    def _eliminate_dead_code(self, returned: Sequence[Value]) -> tuple[list[Node], set[Value]]:
        """(the nodes on which a result depends, the values that those nodes and the results read)."""
        live = set(self._results(returned))
        nodes: list[Node] = []
        for node in reversed(self.graph.nodes):
            if node.result in live:
                live.update(node.inputs)
                nodes.append(node)
        return nodes[::-1], live

    def _results(self, returned: Iterable[Value]) -> list[Value]:
        """All that the program leaves behind: what it returns, its outputs, the numbers that it stores."""
        return [*returned, *(value for value, _ in self._outputs), *(value for value, *_ in self._stores)]

    def _verify(self, program: BoundProgram, returned: Sequence[Value]) -> None:
        """Run the program on the arguments, compare the bits with the traced run, and restore the arguments."""
        changed = [*(array for _, array in self._outputs), *self._scratch]
        arrays = [array.copy() for array in changed]
        numbers = [state[name] for _, name, state in self._stores]
        expected = [self._example(value) for value in self._results(returned)]
        try:
            results = program()
            outputs = [*(array for _, array in self._outputs), *(state[name] for _, name, state in self._stores)]
            equal = all(map(_equal_bits, (*results, *outputs), expected))
        finally:
            for destination, array in zip(changed, arrays, strict=True):
                np.copyto(destination, array)
            for (_, name, state), number in zip(self._stores, numbers, strict=True):
                state[name] = number
        if not equal:
            raise Untraceable("the program gives other bits than the function")

    def _example(self, value: Value) -> Any:
        """What a value was in the traced run; a copy where it lies in an argument, which the program may overwrite."""
        return np.array(value.example) if value.root in self._inputs else value.example

    def _buffer(self, array: HostArray) -> Buffer:
        return Buffer(self._names[id(array)], layout_of(array))


def _current_value(result: object) -> Value:
    return result.current if isinstance(result, Tracer) else Value(result)


def _equal_bits(value: object, expected: object) -> bool:
    a, b = np.asarray(value), np.asarray(expected)
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        return False
    pairs = (each.reshape(-1)[i : i + COMPARED].tobytes() for i in range(0, a.size, COMPARED) for each in (a, b))
    return all(own == other for own, other in zip(pairs, pairs, strict=True))
