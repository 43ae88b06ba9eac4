"""The page of a derivation: one HTML file with MathML; touching a number shows where it came from, and where it goes.

It asks nothing of the network and of no library. Names from data are text: they are escaped, and the page's policy
lets no other script run than its own.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from bpframe.network.derivation.content import Content
from bpframe.network.derivation.derivation_drawing import network_drawing
from bpframe.network.derivation.derivation_tables import (
    Rows,
    jacobian_table,
    left_out_note,
    number_button,
    number_name,
    number_table,
    parameter_table,
    unit_table,
    weight_table,
)
from bpframe.network.derivation.layer_numbers import LayerNumbers
from bpframe.network.derivation.mathml import letter, math, of, partial, sign
from bpframe.network.derivation.number import key_of

FOLDER = Path(__file__).parent
FRAME_HEIGHT = 620  # pixels of the page inside a notebook


def derivation_page(content: Content) -> str:
    """The whole page."""
    style, script = ((FOLDER / f"derivation_page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    policy = f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'"
    body = "".join(_body(content))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><title>{escape(content.facts.title)}: backpropagation, worked</title>'
        f"<style>{style}</style>"
        f'</head><body>{body}<script type="application/json" id="numbers">{_data(content)}</script>'
        f"<script>{script}</script></body></html>\n"
    )


def derivation_frame(content: Content) -> str:
    """The page in a frame of its own, for a notebook."""
    look = f'sandbox="allow-scripts" width="100%" height="{FRAME_HEIGHT}" frameborder="0"'
    return f'<iframe srcdoc="{escape(derivation_page(content))}" {look}></iframe>'


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _data(content: Content) -> str:
    """Every number for the script: [letter, layer, index, value, terms, function, rest, left out, name]."""
    rows = {
        n.key: [
            *(n.letter, n.layer, n.index, _finite(n.value), [[t.sign, *t.factors] for t in n.terms], n.function),
            *(_finite(n.rest), n.left_out, n.name),
        ]
        for n in content.numbers.values()
    }
    return json.dumps({"rule": content.facts.rule.title, "numbers": rows}, separators=(",", ":")).replace(
        "<", "\\u003c"
    )


def _finite(value: float) -> float | str:
    """A number, or the text of what JSON has no number for."""
    return value if abs(value) < float("inf") else str(value)


def _body(content: Content) -> Iterator[str]:
    facts = content.facts
    yield f"<header><h1>{escape(facts.title)}: backpropagation, worked</h1><p>Loss <b>{content.loss:.6g}</b> "
    yield f"({escape(facts.loss)}), <b>{content.loss_after:.6g}</b> after one update by {escape(facts.rule.title)}. "
    yield "The row is a batch of its own; units count from 0, layers from 1.</p>"
    yield '<p class="hint">Touch a number, or go to it with Tab and the arrow keys: what it was computed from is '
    yield '<span class="from">marked so</span>, what is computed from it <span class="into">so</span>.</p></header>'
    yield f"<figure>{network_drawing(content)}<figcaption>Left half of a unit: its value v, right half: its delta. "
    yield '<span class="plus">■ above 0</span> <span class="minus">■ below 0</span></figcaption></figure><main>'
    yield f"<section><h2>Forward</h2><article><h3>x, the row</h3>{_inputs(content)}</article>"
    yield from (_forward(content, layer) for layer in content.layers)
    yield f"</section><section><h2>Cost</h2><article>{_cost(content)}</article></section>"
    yield "<section><h2>Back, last layer first</h2>"
    yield from (_backward(content, layer) for layer in reversed(content.layers))
    yield f"</section><section><h2>Update</h2><article>{_update(content)}</article></section></main>"
    yield '<aside id="panel" role="status" aria-live="polite" hidden></aside>'


# ------------------------------------------------------------------------------------------------------------ parts


def _inputs(content: Content) -> str:
    rows: Rows = [[f"{i}", content[key_of("v", 0, i)].name, content[key_of("v", 0, i)]] for i in content.inputs]
    return number_table(("unit", "", "x"), rows) + left_out_note(len(content.inputs), content.width, "inputs")


def _forward(content: Content, layer: LayerNumbers) -> str:
    k, numbers = layer.number, content.numbers
    below = letter("x") if k == 1 else letter("v", k - 1)
    value = of(layer.phi, letter("u", k)) if layer.phi else letter("u", k)
    parts = []
    if layer.affine:
        bias = any(each.letter == "b" for each in layer.parameters)
        total = [below, letter("w", k), *([sign("+"), letter("b", k)] if bias else [])]
        parts += [math(letter("u", k), sign("="), *total), math(letter("v", k), sign("="), value)]
    else:
        parts.append(math(letter("v", k), sign("="), of(layer.label, below)))
    columns = [("u", "u"), ("v", "v"), ("slope", "φ′(v)")]  # noqa: RUF001  # Greek is meant
    return _article(layer, parts, unit_table(content, layer, columns) + weight_table(numbers, layer))


def _cost(content: Content) -> str:
    facts, last = content.facts, content.layers[-1]
    z = letter("v", last.number)
    parts = [math(letter("z"), sign("="), z)]
    parts += [math(letter("p"), sign("="), of(facts.link, letter("z")))] if facts.link else []
    slope = partial(letter("L"), letter("z"))
    parts += [math(slope, sign("="), letter("p"), sign("−"), letter("y"))] if content.gap else []  # noqa: RUF001
    columns = [("v", last.number, "z"), ("p", None, "p"), ("y", None, "y"), ("dv", last.number, "∂L/∂z")]
    present = [c for c in columns if key_of(*c[:2], last.units[0]) in content.numbers]
    rows: Rows = []
    for c in last.units:
        found = [content[key_of(name, k, c)] for name, k, _ in present]
        rows.append([f"{c}", next((n.name for n in found if n.name), ""), *found])
    table = number_table(("unit", "", *(title for _, _, title in present)), rows)
    table += left_out_note(len(last.units), last.width, "scores")
    loss = f"<p>L = {number_button(content[key_of('L', None)])}</p>"
    return f'<p class="words">{escape(facts.loss)}: {escape(facts.formula)}</p>{_formulas(parts)}{table}{loss}'


def _backward(content: Content, layer: LayerNumbers) -> str:
    k, last = layer.number, layer is content.layers[-1]
    deltas = [n for i in layer.units if (n := content.numbers.get(key_of("delta", k, i)))]
    dv, delta = partial(letter("L"), letter("v", k)), letter("delta", k)
    parts = []
    if not last and content[key_of("dv", k, layer.units[0])].terms:
        parts.append(math(dv, sign("="), letter("delta", k + 1), letter("w", k + 1, over="T")))
    if any("slope" in key for n in deltas for key in n.sources):
        parts.append(math(delta, sign("="), dv, sign("∘"), of("φ′", letter("v", k))))  # noqa: RUF001
    elif any(len(n.terms) > 1 for n in deltas):
        pair = partial(letter("L"), letter("v", "j")) + partial(letter("v", "j"), letter("u", "i"))
        parts.append(math(letter("delta", "i"), sign("="), f"<munder><mo>∑</mo><mi>j</mi></munder>{pair}"))
    elif deltas and not layer.phi:
        parts.append(math(delta, sign("="), dv))
    if layer.affine:
        below = letter("x") if k == 1 else letter("v", k - 1)
        turned = f"<msup>{below}<mi>T</mi></msup>"
        parts.append(math(partial(letter("L"), letter("w", k)), sign("="), turned, delta))
    columns = [("dv", "∂L/∂v"), ("slope", "φ′(v)"), ("delta", "δ")]  # noqa: RUF001
    tables = "".join(parameter_table(content, layer, each) for each in layer.parameters)
    return _article(layer, parts, unit_table(content, layer, columns) + jacobian_table(content, layer) + tables)


def _update(content: Content) -> str:
    rule, wrong = content.facts.rule, content.disagreements
    step = [letter("w"), sign("←"), letter("w"), sign("−"), letter("lr"), partial(letter("L"), letter("w"))]  # noqa: RUF001
    plain = (
        _formulas([math(*step)]) + f"<p>lr = {number_button(content[key_of('lr', None)])}</p>"
        if rule.lr is not None
        else ""
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in rule.notes)
    count, names = len(content.differences), ", ".join(number_name(gradient) for gradient, _ in wrong)
    agree = "all agree" if not wrong else f'<b class="wrong">{len(wrong)} differ</b>: {escape(names)}'
    return (
        f'<p class="words">{escape(rule.title)}: {escape(rule.formula)}</p>{plain}{notes}'
        f"<p>{count} gradients beside their finite differences: {agree}.</p>"
        f"<p>Loss of the row: {number_button(content[key_of('L', None)])} before, "
        f"{number_button(content[key_of(chr(76) + chr(39), None)])} after.</p>"
    )


def _article(layer: LayerNumbers, parts: Sequence[str], content: str) -> str:
    title = f"<h3>{escape(layer.label)} <small>{escape(layer.title)}</small></h3>"
    return f"<article>{title}{_formulas(parts)}{content}</article>"


def _formulas(parts: Sequence[str]) -> str:
    return f'<p class="formulas">{" ".join(parts)}</p>'
