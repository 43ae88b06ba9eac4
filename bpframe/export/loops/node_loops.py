"""Node loops: how each operation that is not elementwise is written as loops.

Counters: i over results, o over lines or results, r and s along a line, k over what is summed.
"""

from __future__ import annotations

from math import prod

import numpy as np

from bpframe.export.graph import GraphNode
from bpframe.export.loops.indices import broadcast_strides, strides_of
from bpframe.export.loops.shapes import lengths, size
from bpframe.export.loops.statements import LoopWriter, Writer
from bpframe.types import Shape

FOLDS = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}
FOLDS |= {"all": "logical_and", "any": "logical_or"}
STARTS = {"sum": 0, "prod": 1, "all": 1, "any": 0}  # of the others the first number


def _copied(w: LoopWriter, node: GraphNode, shape: Shape, strides: Shape, offset: int = 0) -> None:
    """Each element of a result is one of the operand's."""
    x = node.operands[0]
    value = w.at(x, w.index("i", shape, strides, offset))
    w.lines += w.loop("i", size(node), [w.store(node, "i", value)])


def _transpose(w: LoopWriter, node: GraphNode) -> None:
    own = strides_of(lengths(node.operands[0]))
    _copied(w, node, lengths(node), tuple(own[a] for a in node.options["axes"]))


def _slice(w: LoopWriter, node: GraphNode) -> None:
    x = lengths(node.operands[0])
    own, steps = strides_of(x), node.options["steps"]
    starts = [
        (0 if step > 0 else n - 1) if start is None else start
        for start, step, n in zip(node.options["starts"], steps, x, strict=True)
    ]
    offset = sum(start * stride for start, stride in zip(starts, own, strict=True))
    _copied(w, node, lengths(node), tuple(s * stride for s, stride in zip(steps, own, strict=True)), offset)


def _concat(w: LoopWriter, node: GraphNode) -> None:
    axis, own = node.options["axis"], strides_of(lengths(node))
    offset = 0
    for part in node.operands:
        to = w.index("i", lengths(part), own, offset)
        w.lines += w.loop("i", size(part), [w.store(node, to, w.at(part, "i"))])
        offset += lengths(part)[axis] * own[axis]


def _fold(w: LoopWriter, node: GraphNode) -> None:
    """A reduction: an accumulator for each result."""
    (x,), axes = node.operands, node.options["axis"]
    shape, own = lengths(x), strides_of(lengths(x))
    kept, folded = ([a for a in range(len(shape)) if (a in axes) == inside] for inside in (False, True))
    at = [w.index("o", [shape[a] for a in kept], [own[a] for a in kept])]
    at.append(w.index("r", [shape[a] for a in folded], [own[a] for a in folded]))
    element = w.at(x, " + ".join(at))
    first = w.dialect.literal(STARTS[node.op], node.dtype) if node.op in STARTS else w.at(x, at[0])
    body = [
        w.dialect.variable("a", node.dtype, first, changes=True),
        *w.loop("r", prod(shape[a] for a in folded), [f"a = {w.operation(FOLDS[node.op], node, 'a', element)};"]),
        w.store(node, "o", "a"),
    ]
    w.lines += w.loop("o", prod(shape[a] for a in kept), body)


def _place(w: LoopWriter, node: GraphNode) -> None:
    """Where the largest or the smallest number of each line is."""
    (x,), axis = node.operands, node.options["axis"]
    n, stride = lengths(x)[axis], strides_of(lengths(x))[axis]
    start = _line(w, x, axis)
    better = "greater" if node.op == "argmax" else "less"
    value, best = w.at(x, f"{start} + r * {stride}"), w.at(x, f"{start} + a * {stride}")
    better = w.dialect.operation(better, x.dtype, [value, best], np.dtype(bool))
    index = np.dtype(np.int32)
    body = [
        w.dialect.variable("a", index, "0", changes=True),
        *w.loop("r", n, [f"if ({better}) a = r;"]),
        w.store(node, "o", "a"),
    ]
    w.lines += w.loop("o", size(node), body)


def _line(w: LoopWriter, x: GraphNode, axis: int) -> str:
    """Where line number o along an axis begins."""
    shape, own = lengths(x), strides_of(lengths(x))
    others = [a for a in range(len(shape)) if a != axis]
    return w.index("o", [shape[a] for a in others], [own[a] for a in others])


def _matmul(w: LoopWriter, node: GraphNode) -> None:
    """y += a_k b_k row by row, so that b is read as it lies in memory."""
    a, b = node.operands
    a_shape, b_shape = lengths(a), lengths(b)
    a_shape = a_shape if len(a_shape) > 1 else (1, *a_shape)
    b_shape = b_shape if len(b_shape) > 1 else (*b_shape, 1)
    (n, inner), m = a_shape[-2:], b_shape[-1]
    batch = np.broadcast_shapes(a_shape[:-2], b_shape[:-2])
    starts = [
        w.index("q", batch, tuple(s * prod(shape[-2:]) for s in broadcast_strides(shape[:-2], batch)))
        for shape in (a_shape, b_shape)
    ]
    to = f"(q * {n} + i) * {m} + j"
    factor, element = w.at(a, f"{starts[0]} + i * {inner} + k"), w.at(b, f"{starts[1]} + k * {m} + j")
    name = w.at(node, to)
    zero = w.dialect.literal(0, node.dtype)
    added = f"{name} = {w.operation('add', node, name, w.operation('multiply', node, 'f', element))};"
    column = [w.dialect.variable("f", node.dtype, factor), *w.loop("j", m, [added])]
    row = [*w.loop("j", m, [f"{name} = {zero};"]), *w.loop("k", inner, column)]
    w.lines += w.loop("q", prod(batch), w.loop("i", n, row))


def _gather(w: LoopWriter, node: GraphNode) -> None:
    x, places = node.operands
    axis, shape = node.options["axis"], lengths(x)
    inner, count = prod(shape[axis + 1 :]), size(places)
    divide = w.dialect.quotient
    place = w.at(places, f"{divide.format('i', inner)} % {count}" if inner > 1 else f"i % {count}")
    outer = divide.format("i", inner * count)
    source = f"(({outer}) * {shape[axis]} + {place}) * {inner} + i % {inner}"
    w.lines += w.loop("i", size(node), [w.store(node, "i", w.at(x, source))])


def _gather_along(w: LoopWriter, node: GraphNode) -> None:
    x, places = node.operands
    axis, own = node.options["axis"], strides_of(lengths(x))
    others = tuple(0 if a == axis else stride for a, stride in enumerate(own))
    place = w.at(places, w.index("i", lengths(node), broadcast_strides(lengths(places), lengths(node))))
    source = f"{w.index('i', lengths(node), others)} + {place} * {own[axis]}"
    w.lines += w.loop("i", size(node), [w.store(node, "i", w.at(x, source))])


def _cumulative_sum(w: LoopWriter, node: GraphNode) -> None:
    (x,), axis = node.operands, node.options["axis"]
    n, stride = lengths(x)[axis], strides_of(lengths(x))[axis]
    at = f"{_line(w, x, axis)} + r * {stride}"
    body = [
        w.dialect.variable("a", node.dtype, w.dialect.literal(0, node.dtype), changes=True),
        *w.loop("r", n, [f"a = {w.operation('add', node, 'a', w.at(x, at))};", w.store(node, at, "a")]),
    ]
    w.lines += w.loop("o", size(x) // max(n, 1), body)


def _ordering(w: LoopWriter, node: GraphNode) -> None:
    """Each number's rank in its line, the number of those before it, is where it or its place goes; NaN come last."""
    (x,), axis = node.operands, node.options["axis"]
    n, stride = lengths(x)[axis], strides_of(lengths(x))[axis]
    start = _line(w, x, axis)
    own, other = (w.at(x, f"{start} + {c} * {stride}") for c in ("r", "s"))
    rank = _rank(w, x, own, other, bool(node.options["descending"]))
    index = np.dtype(np.int32)
    body = [
        w.dialect.variable("a", index, "0", changes=True),
        *w.loop("s", n, [f"if ({rank}) a++;"]),
        w.store(node, f"{start} + a * {stride}", "r" if node.op == "argsort" else own),
    ]
    w.lines += w.loop("o", size(x) // max(n, 1), w.loop("r", n, body))


def _rank(w: LoopWriter, x: GraphNode, own: str, other: str, descending: bool) -> str:
    """Whether the other number (counter s) comes before the own one (counter r); equal ones as they stand, NaN last."""
    truth = np.dtype(bool)

    def say(op: str, *operands: str) -> str:
        return w.dialect.operation(op, x.dtype, operands, truth)

    first = say("greater" if descending else "less", other, own)
    equal = f"{say('equal', other, own)} && s < r"
    if x.dtype.kind != "f":
        return f"({first}) || ({equal})"
    mine, theirs = say("isnan", own), say("isnan", other)
    return f"({first}) || ({equal}) || ({mine} && !{theirs}) || ({mine} && {theirs} && s < r)"


WRITERS: dict[str, Writer] = {
    **dict.fromkeys(FOLDS, _fold),
    **dict.fromkeys(("argmax", "argmin"), _place),
    **dict.fromkeys(("sort", "argsort"), _ordering),
    "transpose": _transpose,
    "slice": _slice,
    "concat": _concat,
    "matmul": _matmul,
    "gather": _gather,
    "gather_along": _gather_along,
    "cumulative_sum": _cumulative_sum,
}
