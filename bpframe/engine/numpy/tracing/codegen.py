"""Code generation (codegen): a graph as the text of one Python function that makes the same NumPy calls.

    def bind(a0, a1, w0):       # arguments, then temporaries
        n3 = c0(a1)             # views, made once when the program is bound
        def program():
            c1(a0, n3, w0)      # a call a node, into the buffer that was assigned to its result
            return (w0, )
        return program

Functions and other constants are globals of the text: here c0 is np.transpose and c1 np.matmul. So graphs that differ
in constants alone have one text, which is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any, final

import numpy as np

from bpframe.engine.numpy.tracing.buffer_assignment import BUFFERED, Buffer, BufferAssignment, BufferPool, Temporary
from bpframe.engine.numpy.tracing.tracer import Node, OpKind, Value, iter_values
from bpframe.types import HostArray

BoundProgram = Callable[[], tuple[Any, ...]]
OUT_BY_KEYWORD = (np.maximum, np.minimum)  # ufuncs that want their output array by name


@final
@dataclass(frozen=True)
class Program:
    """Generated code for any arguments like those that it was recorded with.

    `function`: called on the arguments and temporaries, it makes the views and returns the bound program.
    """

    function: Callable[..., BoundProgram]
    temporaries: Sequence[Temporary]

    def bind(self, arguments: Sequence[object], pool: BufferPool) -> BoundProgram:
        """The program on these arguments; what it returns is valid until another program of the pool runs."""
        return self.function(*arguments, *map(pool.get, self.temporaries))


@final
class CodeGenerator:
    """Writes the program of a graph; arguments as for `BufferAssignment`."""

    def __init__(
        self,
        nodes: Sequence[Node],
        arguments: Mapping[Value, Buffer],
        outputs: Sequence[tuple[Value, Buffer]],
        returned: Sequence[Value],
    ) -> None:
        self._nodes, self._outputs, self._returned = nodes, outputs, returned
        self._assignment = BufferAssignment(nodes, arguments, outputs, returned)
        self._expressions = {value: buffer.name for value, buffer in arguments.items()}
        self._constant_names: dict[int, str] = {}  # by id
        self._globals: dict[str, Any] = {}  # constants by name
        self._scalars: dict[Any, HostArray] = {}  # constant numbers as arrays
        self._views: list[str] = []  # statements that run once, when the program is bound
        self._body: list[str] = []  # statements that run at every call

    def load(self, value: Value, source: str) -> None:
        """Read a number when the program runs; `source`: the expression that gives it."""
        self._body.append(f"{self._new_name(value)} = {source}")

    def store(self, value: Value, target: str) -> None:
        """Assign a number to a target expression when the program runs."""
        self._body.append(f"{target} = {self._expression(value)}")

    def generate(self) -> None:
        """Append the calls of all nodes, and copies of the outputs that were not computed into their destinations."""
        for node in self._nodes:
            self._emit(node)
        copies = [(value, buffer) for value, buffer in self._outputs if not self._assignment.is_in(value, buffer)]
        # temporaries last: other values may lie in an argument that one of the copies overwrites
        for value, buffer in sorted(copies, key=lambda copy: self._is_temporary(copy[0])):
            self._emit_copy(buffer.name, value)

    def program(self, arguments: Sequence[str]) -> Program:
        """Compile the statements so far to a program of arguments with these names."""
        temporaries = self._assignment.temporaries
        results = "".join(f"{self._expression(value)}, " for value in self._returned)
        body = [f"        {statement}" for statement in self._body]
        text = "\n".join(
            [
                f"def bind({', '.join([*arguments, *temporaries])}):",
                *(f"    {statement}" for statement in self._views),
                *["    def program():", *body, f"        return ({results})"],
                "    return program",
            ]
        )
        exec(_compile(text), self._globals)
        return Program(self._globals.pop("bind"), list(temporaries.values()))

    # ------------------------------------------------------------------------------------------------- statements

    def _emit(self, node: Node) -> None:
        if node.kind in BUFFERED:
            self._emit_buffered(node)
        elif node.kind is OpKind.VIEW and self._assignment.get(node.result.root) is not None:
            self._emit_view(self._new_name(node.result), node.function, node.operands)
        else:
            name = self._new_name(node.result)
            self._body.append(f"{name} = {self._call(node.function, node.operands, node.options)}")

    def _emit_buffered(self, node: Node) -> None:
        """A call that computes into the buffer of its result."""
        buffer = self._assignment.get(node.result)
        assert buffer is not None
        self._expressions[node.result] = buffer.name
        if node.kind is OpKind.CAST:
            self._emit_copy(buffer.name, node.operands[0])
        elif node.kind is OpKind.INDEX_PUT:
            self._emit_index_put(node, buffer)
        elif node.kind is OpKind.REDUCE:
            x, axis, dtype, _, keepdims = node.operands
            self._body.append(self._call(node.function, (x, axis, dtype, node.result, keepdims)))
        else:
            operands = node.operands if node.kind is OpKind.MATMUL else self._with_scalar_arrays(node.operands)
            by_keyword = node.function in OUT_BY_KEYWORD
            arguments = (operands, {"out": node.result}) if by_keyword else ((*operands, node.result), None)
            self._body.append(self._call(node.function, *arguments))

    def _emit_index_put(self, node: Node, buffer: Buffer) -> None:
        array, key, elements = node.operands
        if not self._assignment.is_in(array, buffer):
            self._emit_copy(buffer.name, array)
        view = f"v{len(self._views)}"
        self._emit_view(view, np.ndarray.__getitem__, (node.result, key))
        self._emit_copy(view, elements)

    def _emit_view(self, name: str, function: Callable[..., Any], operands: Sequence[object]) -> None:
        self._views.append(f"{name} = {self._call(function, operands)}")

    def _emit_copy(self, target: str, source: object) -> None:
        self._body.append(f"{self._constant(np.copyto)}({target}, {self._expression(source)}, 'unsafe')")

    def _is_temporary(self, value: Value) -> bool:
        buffer = self._assignment.get(value)
        return buffer is not None and buffer.temporary

    # ------------------------------------------------------------------------------------------------ expressions

    def _call(self, function: object, operands: Sequence[object], options: Mapping[str, object] | None = None) -> str:
        arguments = [self._expression(x) for x in operands]
        arguments += [f"{name}={self._expression(x)}" for name, x in (options or {}).items()]
        return f"{self._constant(function)}({', '.join(arguments)})"

    def _with_scalar_arrays(self, operands: Sequence[object]) -> Sequence[object]:
        """The operands, constant numbers as arrays of no axes, whose type NumPy need not look up."""
        examples = (value.example for value in iter_values(operands))
        dtype = next(example.dtype for example in examples if isinstance(example, np.ndarray))
        if dtype.kind != "f":
            return operands
        return [self._scalar(x, dtype) if isinstance(x, np.generic | float | int) else x for x in operands]

    def _scalar(self, number: np.generic | float, dtype: np.dtype[Any]) -> HostArray:
        key = type(number), repr(number), dtype  # since 0.0 == -0.0
        if key not in self._scalars:
            self._scalars[key] = np.asarray(number, number.dtype if isinstance(number, np.generic) else dtype)
        return self._scalars[key]

    def _new_name(self, value: Value) -> str:
        self._expressions[value] = f"n{len(self._expressions)}"
        return self._expressions[value]

    def _expression(self, operand: object) -> str:
        if isinstance(operand, Value):
            return self._expressions[operand] if operand in self._expressions else self._expression(operand.example)
        if isinstance(operand, tuple | list) and any(True for _ in iter_values(operand)):
            return f"[{', '.join(map(self._expression, operand))}]"
        literal = operand is None or isinstance(operand, bool | int | str)
        return repr(operand) if literal else self._constant(operand)

    def _constant(self, constant: object) -> str:
        name = self._constant_names.get(id(constant))
        if name is None:
            name = self._constant_names[id(constant)] = f"c{len(self._constant_names)}"
            self._globals[name] = constant
        return name


@lru_cache(maxsize=256)
def _compile(text: str) -> CodeType:
    """The code of a text; models alike have one text, which is compiled once."""
    return compile(text, "<program of NumPy calls>", "exec")
