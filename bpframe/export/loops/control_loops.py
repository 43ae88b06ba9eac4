"""Control loops: `ops.scan` as a loop over its steps, `ops.when` as an if, with the statements of graphs inside.

States are arrays, which a step overwrites when what it gives has been read.
"""

from __future__ import annotations

from collections.abc import Mapping

from bpframe.export.graph import CHOICE, LOOP, ROW, STATE, ArrayGraph, GraphNode
from bpframe.export.loops.shapes import size
from bpframe.export.loops.statements import ControlWriter, LoopWriter

Arrays = Mapping[str, str]  # names of arrays, by those of results


def _loop(w: LoopWriter, node: GraphNode) -> Arrays:
    """The lines of a loop; the arrays of its results."""
    body: ArrayGraph = node.options["body"]
    count = int(node.options["count"])
    results = {n: w.new_array(x.dtype, size(x) * (1 if _is_state(n) else count)) for n, x in body.outputs.items()}
    inner, step, head = w.inside(), w.new_name("step"), []
    for (name, x), given in zip(body.inputs.items(), node.operands, strict=True):
        if _is_state(name):
            w.lines += _copy(w, results[name], w.at(given, "i"), size(x))
            inner.bind(x, results[name])
        elif name.startswith(ROW) and not w.is_single(given):
            part = w.new_name(ROW)
            head.append(w.dialect.view(part, x.dtype, w.name(given), f"{step} * {size(x)}", size(x)))
            inner.bind(x, part)
        else:
            inner.bind(x, w.name(given), w.is_single(given))
    inner.write(body)
    each = [(results[n], x) for n, x in body.outputs.items() if not _is_state(n)]
    for array, x in each:
        inner.lines += _copy(inner, array, inner.at(x, "i"), size(x), f"{step} * {size(x)} + ")
    _carry(inner, {results[n]: x for n, x in body.outputs.items() if _is_state(n)})
    w.lines += w.loop(step, count, [*head, *inner.lines], reverse=bool(node.options["reverse"]))
    return results


def _is_state(name: str) -> bool:
    return name.startswith(STATE)


def _carry(inner: LoopWriter, new: Mapping[str, GraphNode]) -> None:
    """Lines that write new states over the old ones; those that are an old one of another place, by a copy."""
    sources = {array: inner.name(x) for array, x in new.items()}
    changed = {array: x for array, x in new.items() if sources[array] != array}
    behind = []
    for array, x in changed.items():
        value = inner.at(x, "i")
        if sources[array] in sources:
            copy = inner.new_array(x.dtype, size(x))
            inner.lines += _copy(inner, copy, value, size(x))
            value = f"{copy}[i]"
        behind += _copy(inner, array, value, size(x))
    inner.lines += behind


def _choice(w: LoopWriter, node: GraphNode) -> Arrays:
    """The lines of an if; the arrays of its results."""
    flag, *given = node.operands
    results = {n: w.new_array(x.dtype, size(x)) for n, x in node.options["then"].outputs.items()}
    branches = []
    for branch in ("then", "otherwise"):
        graph: ArrayGraph = node.options[branch]
        inner = w.inside()
        for x, outside in zip(graph.inputs.values(), given, strict=True):
            inner.bind(x, w.name(outside), w.is_single(outside))
        inner.write(graph)
        for name, x in graph.outputs.items():
            inner.lines += _copy(inner, results[name], inner.at(x, "i"), size(x))
        branches.append([f"    {line}" for line in inner.lines])
    w.lines += [f"if ({w.at(flag, '0')}) {{", *branches[0], "} else {", *branches[1], "}"]
    return results


def _copy(w: LoopWriter, array: str, value: str, count: int, offset: str = "") -> list[str]:
    return w.loop("i", count, [f"{array}[{offset}i] = {value};"])


CONTROL: dict[str, ControlWriter] = {LOOP: _loop, CHOICE: _choice}
