"""Module of a model in JavaScript: constants, the function of one row, functions of many, known answers."""

from __future__ import annotations

import json

import numpy as np

from bpframe.export.javascript.dialect import JavaScriptDialect, js_array
from bpframe.export.loops.row_function import RowFunction
from bpframe.export.prediction_outputs import LABELS, PREDICTIONS
from bpframe.export.predictor import KNOWN_ROWS, Predictor
from bpframe.version import VERSION

TEMPLATE = """\
// Predictions of a neural network in plain JavaScript. Written by bpframe {version}.
//
//     import {{ predict, predictLabels }} from "./model.mjs";
//     predict([{what}, ...])   // a list of predictions for each row
//
// selfTest() throws where known answers do not come back.

const {{ fround }} = Math;
const INPUTS = {inputs}; // name, its identifier, how many numbers a row has of it
const CLASSES = {classes}; // labels by class number, by the name of an output

function rint(x) {{
  const floor = Math.floor(x), rest = x - floor;
  return !Number.isFinite(x) ? x : rest < 0.5 ? floor : rest > 0.5 ? floor + 1 : floor % 2 ? floor + 1 : x - rest;
}}

{constants}
{arrays}

function compute(x, out) {{
  {lines}
}}

function flat(numbers) {{
  return typeof numbers === "number" ? [numbers] : Array.from(numbers).flat(Infinity);
}}

/** The inputs of one row as arrays: of numbers by name, or of all numbers side by side. */
function inputs(row) {{
  const all = row[Symbol.iterator] ? flat(row) : null, x = {{}};
  let at = 0;
  for (const [name, key, count] of INPUTS) {{
    const own = all ? all.slice(at, at + count) : flat(row[name] ?? []);
    if (own.length !== count) throw new RangeError(`a row needs ${{count}} numbers of ${{name}}, got ${{own.length}}`);
    x[key] = {x_array}.from(own);
    at += count;
  }}
  if (all && all.length !== at) throw new RangeError(`a row needs ${{at}} numbers, got ${{all.length}}`);
  return x;
}}

/** Every output for one row, by name; class numbers, not labels. */
export function run(row) {{
  const out = {{ {fields} }};
  compute(inputs(row){one_input}, out);
  return {{ {results} }};
}}

/** Scores of rows: what the last layer gives. */
export function scores(rows) {{
  return Array.from(rows, (row) => Array.from(run(row).scores));
}}

/** Predictions of rows: probabilities or means, in the units of the target. */
export function predict(rows) {{
  return Array.from(rows, (row) => Array.from(run(row).predictions));
}}

function labels(output, numbers) {{
  const known = CLASSES[output], own = Array.from(numbers, (n) => (known ? known[n] : n));
  return {one_label} ? own[0] : own;
}}

/** Labels of rows as they were given in training, lists of zeros and ones for several a row; by head. */
export function predictLabels(rows, output = "{label}") {{
  return Array.from(rows, (row) => {{
    const found = run(row);
    if (output in found) return labels(output, found[output]);
    const heads = Object.keys(found).filter((name) => name.endsWith(`.${{output}}`));
    if (!heads.length) throw new RangeError(`there are no ${{output}}; outputs: ${{Object.keys(found).join(", ")}}`);
    return Object.fromEntries(heads.map((name) => [name.slice(0, -output.length - 1), labels(name, found[name])]));
  }});
}}

/** Throws where predictions for known rows are not the known ones. */
export function selfTest() {{
  const rows = {known_x};
  const want = {known_y};
  predict(rows).forEach((got, k) => {{
    const largest = Math.max(...want[k].map(Math.abs));
    got.forEach((y, i) => {{
      const near = y === want[k][i] || Math.abs(y - want[k][i]) <= {fixed} + {relative} * largest;
      if (!near) throw new Error(`row ${{k}}: ${{got}} is not ${{want[k]}}`);
    }});
  }});
}}
"""


def js_module(model: Predictor) -> str:
    """The text of the file."""
    row = RowFunction(model, JavaScriptDialect(), "x.{}")
    answers = model.answers()[PREDICTIONS]
    single = np.float32 in (row.dtype, answers.dtype)
    one = [o.key for o in row.outputs if o.key.endswith(LABELS) and len(o.node.shape) == 1]
    return TEMPLATE.format(
        version=VERSION,
        what=_example(row),
        inputs=json.dumps([[x.key, x.name, x.size] for x in row.inputs]),
        classes=json.dumps({name: known.tolist() for name, known in model.classes.items()}),
        constants="\n".join(row.constants),
        arrays="\n".join(row.arrays),
        lines="\n  ".join(row.lines),
        fields=", ".join(f"{o.name}: new {js_array(o.node.dtype)}({o.size})" for o in row.outputs),
        results=", ".join(f"{json.dumps(o.key)}: out.{o.name}" for o in row.outputs),
        x_array=js_array(row.dtype),
        one_input="" if row.several else f".{row.inputs[0].name}",
        label=LABELS,
        one_label=f"{json.dumps(one)}.includes(output)",
        known_x=json.dumps(_known_rows(model, row)),
        known_y=json.dumps(answers.reshape(len(answers), -1).tolist()),
        fixed=1e-6 if single else 1e-12,
        relative=5e-6 if single else 1e-12,
    )


def _example(row: RowFunction) -> str:
    """A row as it is given."""
    if not row.several:
        return f"[...{row.numbers} numbers]"
    return f"{{ {', '.join(f'{json.dumps(x.key)}: [...{x.size} numbers]' for x in row.inputs)} }}"


def _known_rows(model: Predictor, row: RowFunction) -> list[object]:
    """Rows by which the form proves itself, as it takes them."""
    parts = {x.key: model.rows[x.key][:KNOWN_ROWS].reshape(KNOWN_ROWS, -1).tolist() for x in row.inputs}
    return [
        {key: part[k] for key, part in parts.items()} if row.several else parts[row.inputs[0].key][k]
        for k in range(KNOWN_ROWS)
    ]
