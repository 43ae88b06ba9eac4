"""The tables of a derivation's page: rows of texts and of numbers that can be touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from bpframe.network.derivation.content import Content
from bpframe.network.derivation.layer_numbers import LayerNumbers, ParameterEntries
from bpframe.network.derivation.number import Number, key_of

OPEN = 24  # entries of a parameter up to which their table is open from the start
Rows = list[list[Number | str]]  # of a table: texts, and numbers to touch


def unit_table(content: Content, layer: LayerNumbers, columns: Sequence[tuple[str, str]]) -> str:
    numbers, k = content.numbers, layer.number
    present = [(name, title) for name, title in columns if key_of(name, k, layer.units[0]) in numbers]
    rows: Rows = [[f"{j}", *(numbers[key_of(name, k, j)] for name, _ in present)] for j in layer.units]
    table = number_table(("unit", *(title for _, title in present)), rows)
    return table + left_out_note(len(layer.units), layer.width, "units")


def weight_table(numbers: Mapping[str, Number], layer: LayerNumbers) -> str:
    """w with an input a row and a unit a column, b below."""
    if not layer.affine:
        return ""
    k, units = layer.number, layer.units
    rows: Rows = [[f"from {i}", *(numbers[key_of("w", k, i, j)] for j in units)] for i in layer.inputs]
    if key_of("b", k, units[0]) in numbers:
        rows.append(["b", *(numbers[key_of("b", k, j)] for j in units)])
    return number_table(("w", *(f"to {j}" for j in units)), rows)


def jacobian_table(content: Content, layer: LayerNumbers) -> str:
    numbers, k = content.numbers, layer.number
    if key_of("J", k, layer.units[0], layer.units[0]) not in numbers:
        return ""
    rows: Rows = [[f"v {j}", *(numbers[key_of("J", k, j, i)] for i in layer.units)] for j in layer.units]
    return number_table(("∂v/∂u", *(f"u {i}" for i in layer.units)), rows)


def parameter_table(content: Content, layer: LayerNumbers, each: ParameterEntries) -> str:
    kinds = (each.letter, f"d{each.letter}", f"measured-{each.letter}", f"after-{each.letter}")
    rows: Rows = []
    for at in each.indices:
        found = [content.numbers.get(key_of(kind, layer.number, *at)) for kind in kinds]
        rows.append([", ".join(map(str, at)), *(n or "" for n in found)])
    header = (each.letter, "value", f"∂L/∂{each.letter}", "measured", "after")
    left = left_out_note(len(rows), each.total, f"entries of {each.name}")
    is_open = " open" if len(rows) <= OPEN else ""
    title = f"{each.name}: {len(rows)} gradients, each beside its finite difference"
    return f"<details{is_open}><summary>{escape(title)}</summary>{number_table(header, rows)}{left}</details>"


def number_table(header: Sequence[str], rows: Sequence[Sequence[Number | str]]) -> str:
    if not any(row[1] for row in rows) and header[1] == "":  # nobody has a name
        header, rows = [header[0], *header[2:]], [[row[0], *row[2:]] for row in rows]
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: Number | str) -> str:
    return f"<td>{number_button(value)}</td>" if isinstance(value, Number) else f"<th>{escape(value)}</th>"


def number_button(number: Number) -> str:
    text = f"{number.value:.4g}".replace("-", "−")  # noqa: RUF001  # the sign, as wide as a digit
    words = escape(f"{number_name(number)} = {text}")
    return f'<button type="button" data-k="{escape(number.key)}" aria-label="{words}">{text}</button>'


def number_name(number: Number) -> str:
    return f"{number.letter}[{','.join(map(str, number.index))}]" if number.index else number.letter


def left_out_note(count: int, total: int, what: str) -> str:
    if count >= total:
        return ""
    return f'<p class="left">{count} of {total} {escape(what)}: those that weigh most in this row.</p>'
