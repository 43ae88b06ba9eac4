"""The text of a derivation for a terminal: forward, cost, back from the last layer, update, loss after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

from bpframe import layout
from bpframe.network.derivation.content import Content
from bpframe.network.derivation.layer_numbers import LayerNumbers, ParameterEntries
from bpframe.network.derivation.number import Number, key_of

INDENT = "  "
PARAMETER = ("", "value", "gradient", "measured", "after")


def derivation_lines(content: Content, width: int | None = None) -> list[str]:
    """The lines, at most `width` columns wide where words and numbers allow that."""
    return list(_Text(content, width).lines())


@final
class _Text:
    def __init__(self, content: Content, width: int | None) -> None:
        self.content, self.width = content, width

    def lines(self) -> Iterator[str]:
        content, facts = self.content, self.content.facts
        yield from self._words(f"{facts.title}: loss {content.loss:.6g} ({facts.loss})", indent=0)
        yield from self._words("as a batch of its own; units count from 0, as in a trace", indent=0)
        yield from self._heading("Forward")
        yield from self._table(("x", "", "value"), [self._given(i) for i in content.inputs], numbers=1)
        yield from self._left_out(len(content.inputs), content.width, "inputs")
        for layer in content.layers:
            yield from self._forward(layer)
        yield from self._heading("Cost")
        yield from self._cost()
        yield from self._heading("Back, last layer first")
        for layer in reversed(content.layers):
            yield from self._backward(layer)
        yield from self._heading("Update")
        yield from self._update()

    # ------------------------------------------------------------------------------------------------------- parts

    def _given(self, i: int) -> list[str]:
        number = self.content[key_of("v", 0, i)]
        return [f"[{i}]", number.name, _value(number)]

    def _forward(self, layer: LayerNumbers) -> Iterator[str]:
        yield from self._title(layer)
        if layer.affine:
            bias = " + b" if any(each.letter == "b" for each in layer.parameters) else ""
            yield from self._words(f"u = {'x' if layer.number == 1 else 'v'} w{bias}{_value_formula(layer)}")
            for j in layer.units:
                yield from self._sum(self.content[key_of("u", layer.number, j)])
        else:
            yield from self._words(f"v = {layer.label}({'x' if layer.number == 1 else 'v'})")
        columns = [("u", "u"), ("v", "v"), ("slope", "phi'(v)")]
        yield from self._units(layer, columns)

    def _cost(self) -> Iterator[str]:
        content, facts, last = self.content, self.content.facts, self.content.layers[-1]
        yield from self._words(facts.formula)
        if facts.link:
            yield from self._words(f"p = {facts.link}(z), z the scores")
        if content.gap:
            yield from self._words("dL/dz = p - y")
        columns = [("v", last.number, "z"), ("p", None, "p"), ("y", None, "y"), ("dv", last.number, "dL/dz")]
        present = [c for c in columns if key_of(*c[:2], last.units[0]) in content.numbers]
        rows = []
        for c in last.units:
            numbers = [content[key_of(letter, k, c)] for letter, k, _ in present]
            name = next((number.name for number in numbers if number.name), "")
            rows.append([f"[{c}]", name, *map(_value, numbers)])
        yield from self._table(("", "", *(title for _, _, title in present)), rows, numbers=len(present))
        yield from self._left_out(len(last.units), last.width, "scores")
        yield from self._words(f"L = {content.loss:.6g}")

    def _backward(self, layer: LayerNumbers) -> Iterator[str]:
        yield from self._title(layer)
        sums = [self.content[key_of("dv", layer.number, i)] for i in layer.units]
        if layer is not self.content.layers[-1]:
            if any(number.terms for number in sums):
                yield from self._words("dL/dv = delta w^T, delta and w of the layer above")
            for number in sums:
                yield from self._sum(number)
        deltas = [n for i in layer.units if (n := self.content.numbers.get(key_of("delta", layer.number, i)))]
        yield from self._words(_delta_formula(layer, deltas))
        if any(len(number.terms) > 1 for number in deltas):
            for number in deltas:
                yield from self._sum(number)
        yield from self._units(layer, [("dv", "dL/dv"), ("slope", "phi'(v)"), ("delta", "delta")])
        if layer.affine:
            yield from self._words(f"dw[i,j] = {'x' if layer.number == 1 else 'v'}[i] delta[j], db[j] = delta[j]")
        for each in layer.parameters:
            rows = [self._entry(layer, each, at) for at in each.indices]
            yield from self._table((each.letter, *PARAMETER[1:]), rows, numbers=len(PARAMETER) - 1)
            yield from self._left_out(len(each.indices), each.total, f"entries of {each.name}")

    def _update(self) -> Iterator[str]:
        content, rule = self.content, self.content.facts.rule
        plain = "" if rule.lr is None else f" w <- w - {rule.lr:.4g} dw."
        yield from self._words(f"{rule.title}: {rule.formula}{plain}")
        for note in rule.notes:
            yield from self._words(note)
        measured, wrong = content.differences, content.disagreements
        if measured:
            worst = "all agree" if not wrong else f"{len(wrong)} differ: {', '.join(_symbol(g) for g, _ in wrong[:5])}"
            yield from self._words(f"Gradients beside finite differences: {len(measured)}, {worst}.")
        yield from self._words(f"Loss of the row: {content.loss:.6g} before, {content.loss_after:.6g} after.")

    # ------------------------------------------------------------------------------------------------------- lines

    def _title(self, layer: LayerNumbers) -> Iterator[str]:
        yield ""
        yield from layout.wrapped(f"{layer.label}: {layer.title}", self.width, indent=4)

    def _units(self, layer: LayerNumbers, columns: Sequence[tuple[str, str]]) -> Iterator[str]:
        """A row a unit, with those of the columns that the layer has."""
        numbers, k = self.content.numbers, layer.number
        present = [(letter, title) for letter, title in columns if key_of(letter, k, layer.units[0]) in numbers]
        rows = [[f"[{j}]", *(_value(numbers[key_of(letter, k, j)]) for letter, _ in present)] for j in layer.units]
        yield from self._table(("unit", *(title for _, title in present)), rows, numbers=len(present))
        yield from self._left_out(len(layer.units), layer.width, "units")

    def _entry(self, layer: LayerNumbers, each: ParameterEntries, at: tuple[int, ...]) -> list[str]:
        keys = (each.letter, f"d{each.letter}", f"measured-{each.letter}", f"after-{each.letter}")
        found = [self.content.numbers.get(key_of(letter, layer.number, *at)) for letter in keys]
        return [f"[{','.join(map(str, at))}]", *("" if number is None else _value(number) for number in found)]

    def _sum(self, number: Number) -> Iterator[str]:
        """u[0] = 0.5*0.25 + 1*-0.5 + 0.1 = -0.275; nothing where it is not known what makes it."""
        if not number.terms:
            return
        products = ["*".join(_value(self.content[key]) for key in term.factors) for term in number.terms]
        if number.left_out:
            products.append(f"{number.rest:.4g} ({number.left_out} more)")
        total = " + ".join(products).replace("+ -", "- ")
        yield from self._words(f"{_symbol(number)} = {total} = {_value(number)}", indent=6)

    def _heading(self, text: str) -> Iterator[str]:
        yield from ("", text, "=" * len(text))

    def _words(self, text: str, indent: int = 4) -> Iterator[str]:
        yield from layout.wrapped(f"{INDENT}{text}" if indent else text, self.width, indent=indent)

    def _left_out(self, count: int, total: int, what: str) -> Iterator[str]:
        if count < total:
            yield from self._words(f"{count} of {total} {what}: those that weigh most in this row")

    def _table(self, header: Sequence[str], rows: Sequence[Sequence[str]], numbers: int) -> Iterator[str]:
        """A table; where it is too wide, several below each other, each with the first column."""
        if not any(row[1] for row in rows) and len(header) > numbers + 1:  # nobody has a name
            header, rows = [header[0], *header[2:]], [[row[0], *row[2:]] for row in rows]
        room = None if self.width is None else self.width - len(INDENT)
        sizes = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        for columns in _groups(sizes, len(header) - numbers, room):
            part = [[row[i] for i in columns] for row in (header, *rows)]
            for line in layout.text_table(part[0], part[1:], None, numbers=len(columns) - (len(header) - numbers)):
                yield INDENT + line


def _groups(sizes: Sequence[int], fixed: int, room: int | None) -> Iterator[list[int]]:
    """The columns of each table: the first `fixed` of all, and as many of the others as there is room for."""
    first = list(range(fixed))
    start = sum(sizes[i] + layout.GAP for i in first)
    group, used = list(first), start
    for i in range(fixed, len(sizes)):
        if room is not None and len(group) > fixed and used + sizes[i] > room:
            yield group
            group, used = list(first), start
        group.append(i)
        used += sizes[i] + layout.GAP
    yield group


def _value_formula(layer: LayerNumbers) -> str:
    return f", v = {layer.phi}(u)" if layer.phi else ", v = u"


def _delta_formula(layer: LayerNumbers, deltas: Sequence[Number]) -> str:
    if not deltas:
        return f"dL/dx = backward of {layer.label}(dL/dv)"
    if any("slope" in key for number in deltas for key in number.sources):
        return "delta = dL/dv * phi'(v)"
    if any(len(number.terms) > 1 for number in deltas):
        return f"delta[i] = sum_j dL/dv[j] dv[j]/du[i], since units of {layer.phi} share their sums"
    return "delta = dL/dv" if not layer.phi else f"delta = backward of {layer.phi}(dL/dv)"


def _symbol(number: Number) -> str:
    return f"{number.letter}[{','.join(map(str, number.index))}]"


def _value(number: Number) -> str:
    return f"{number.value:.4g}"
