"""Inner graphs of a recording: the step of `ops.scan` and both branches of `ops.when`, kept as a loop and as a choice.

A node "loop" or "choice" gives several arrays by name, and a node "result" is one of them. An inner graph is closed:
its inputs are the operands of its node, in order (of a choice those behind the flag). What does not depend on the
state or the step, constants aside, is computed outside, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np

from bpframe.export.graph import CHOICE, LOOP, OUTER, RESULT, ROW, STATE, ArrayGraph, GraphNode, needed
from bpframe.export.interpreter import inner_results
from bpframe.export.recorded_array import OWNER, RecordedArray, example, leaf, recorded
from bpframe.ops.control_flow import SCAN, WHEN, Step, Structure, array_leaves, refuse_other_carry, with_leaves

OUTPUT = "output"  # the names of what a step or a branch gives begin so


def _scan(step: Step, carry: Structure, xs: Structure, count: int, reverse: bool) -> tuple[Structure, Structure]:
    """`bpframe.ops.scan`: the step is recorded once, on the numbers of the first one."""
    start, rows = ([recorded(x) for x in array_leaves(each)] for each in (carry, xs))
    states = [leaf("input", example(x), name=f"{STATE}{k}") for k, x in enumerate(start)]
    at = [leaf("input", example(x)[-1 if reverse else 0, ...], name=f"{ROW}{k}") for k, x in enumerate(rows)]
    before = with_leaves(carry, iter(states))
    after, y = step(before, with_leaves(xs, iter(at)))
    refuse_other_carry(before, after)
    closure, made = _Closure([*states, *at]), (array_leaves(after), array_leaves(y))
    body = closure.graph(_named(STATE, made[0]) | _named(OUTPUT, made[1]))
    operands = [x.node for x in (*start, *rows)]
    results = _results(LOOP, [*operands, *closure.outer], {"body": body, "count": count, "reverse": reverse})
    return with_leaves(after, iter(results[: len(start)])), with_leaves(y, iter(results[len(start) :]))


def _when(flag: RecordedArray, f: Callable[..., Any], g: Callable[..., Any], *args: Structure) -> Structure:
    """`bpframe.ops.when`: both branches are recorded, and one of them is computed."""
    leaves = array_leaves(args)
    given = [x for x in leaves if isinstance(x, RecordedArray)]
    inside = [RecordedArray(leaf("input", example(x), name=f"{ROW}{k}").node, x.weak) for k, x in enumerate(given)]
    stand_in = {id(x): own for x, own in zip(given, inside, strict=True)}
    branches = [b(*with_leaves(args, (stand_in.get(id(x), x) for x in leaves))) for b in (f, g)]
    closure = _Closure(inside)
    graphs = [closure.graph(_named(OUTPUT, array_leaves(made))) for made in branches]
    then, other = (ArrayGraph.of(closure.inputs, graph.outputs) for graph in graphs)
    operands = [recorded(flag, bool).node, *(x.node for x in given), *closure.outer]
    return with_leaves(branches[0], iter(_results(CHOICE, operands, {"then": then, "otherwise": other})))


def _named(prefix: str, arrays: Sequence[Any]) -> dict[str, GraphNode]:
    return {f"{prefix}{k}": recorded(x).node for k, x in enumerate(arrays)}


def _results(op: str, operands: Sequence[GraphNode], options: Mapping[str, Any]) -> list[RecordedArray]:
    """The results of a new node, in the order of its inner graph's outputs."""
    values = inner_results(op, [np.asarray(x.value) for x in operands], options, 0)
    node = GraphNode(op, tuple(operands), dict(options), (), np.dtype(bool), None, OWNER.get())
    return [
        RecordedArray(GraphNode(RESULT, (node,), {"name": name}, value.shape, value.dtype, value, OWNER.get()))
        for name, value in values.items()
    ]


@final
class _Closure:
    """Closes recorded nodes over `inputs`, the leaves inside; `outer`: nodes outside that stand for further ones."""

    def __init__(self, leaves: Iterable[RecordedArray]) -> None:
        self.inputs = {x.node.name: x.node for x in leaves}
        self.outer: list[GraphNode] = []
        self._new = {id(node): node for node in self.inputs.values()}  # what stands inside, by the id of a node

    def graph(self, outputs: Mapping[str, GraphNode]) -> ArrayGraph:
        """The closed graph of these outputs."""
        depends = {id(node) for node in self.inputs.values()}
        for node in needed(outputs.values()):
            if any(id(x) in depends for x in node.operands):
                depends.add(id(node))
                operands = tuple(map(self._inside, node.operands))
                options = (node.options, node.shape, node.dtype, node.value, node.owner)
                self._new[id(node)] = GraphNode(node.op, operands, *options)
        made = {name: self._inside(node) for name, node in outputs.items()}
        return ArrayGraph.of(self.inputs, made)

    def _inside(self, node: GraphNode) -> GraphNode:
        """What stands for a node: of one from outside a new input, a constant itself."""
        if id(node) in self._new or node.op == "constant":
            return self._new.get(id(node), node)
        name = f"{OUTER}{len(self.outer)}"
        new = GraphNode("input", (), {"name": name}, node.shape, node.dtype, node.value, node.owner)
        self.outer.append(node)
        self.inputs[name] = self._new[id(node)] = new
        return new


def pruned(graph: ArrayGraph) -> ArrayGraph:
    """The graph with what is read of its loops and choices alone, inside these, too."""
    read: dict[int, set[str]] = {}
    for node in graph.nodes:
        if node.op == RESULT:
            read.setdefault(id(node.operands[0]), set()).add(node.options["name"])
    new: dict[int, GraphNode] = {}
    for node in graph.nodes:
        new[id(node)] = _pruned(node, tuple(new[id(x)] for x in node.operands), read.get(id(node), set()))
    outputs = {name: new[id(node)] for name, node in graph.outputs.items()}
    return ArrayGraph.of({name: new.get(id(node), node) for name, node in graph.inputs.items()}, outputs)


def _pruned(node: GraphNode, operands: tuple[GraphNode, ...], read: set[str]) -> GraphNode:
    if not node.operands:
        return node
    options = dict(node.options)
    if node.op in (LOOP, CHOICE):
        graphs = {name: _reading(o, read) for name, o in options.items() if isinstance(o, ArrayGraph)}
        kept = {x.name for graph in graphs.values() for x in graph.nodes if x.op == "input"}
        kept |= {name for graph in graphs.values() for name in graph.outputs if name.startswith(STATE)}
        names = next(iter(graphs.values())).inputs
        flag, given = operands[: node.op == CHOICE], operands[node.op == CHOICE :]
        operands = (*flag, *(x for name, x in zip(names, given, strict=True) if name in kept))
        for name, graph in graphs.items():
            options[name] = ArrayGraph.of({n: x for n, x in graph.inputs.items() if n in kept}, graph.outputs)
    return GraphNode(node.op, operands, options, node.shape, node.dtype, node.value, node.owner)


def _reading(graph: ArrayGraph, read: set[str]) -> ArrayGraph:
    """An inner graph with these outputs, and the states of a loop that they depend on."""
    while True:
        made = pruned(graph.select(name for name in graph.outputs if name in read))
        states = {x.name for x in made.nodes if x.op == "input" and x.name in graph.outputs}
        if states <= read:
            return made
        read = read | states


SCAN[RecordedArray.namespace] = _scan
WHEN[RecordedArray] = _when
