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
//     predict([[...{inputs} numbers], ...])   // a list of predictions for each row
//
// selfTest() throws where known answers do not come back.

const {{ fround }} = Math;
const INPUTS = {inputs};
const CLASSES = {classes}; // labels by class number, by the name of an output

function rint(x) {{
  const floor = Math.floor(x), rest = x - floor;
  return rest < 0.5 ? floor : rest > 0.5 ? floor + 1 : floor % 2 ? floor + 1 : x - rest;
}}

{constants}
{arrays}

function compute(x, out) {{
  {lines}
}}

/** Every output for one row of numbers, by name; class numbers, not labels. */
export function run(row) {{
  const numbers = Array.from(row).flat(Infinity);
  if (numbers.length !== INPUTS) throw new RangeError(`a row needs ${{INPUTS}} numbers, got ${{numbers.length}}`);
  const out = {{ {fields} }};
  compute({x_array}.from(numbers), out);
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

/** Labels of rows as they were given in training; of several labels a row a list of zeros and ones. */
export function predictLabels(rows, output = "{label}") {{
  const known = CLASSES[output];
  return Array.from(rows, (row) => {{
    const numbers = Array.from(run(row)[output], (n) => (known ? known[n] : n));
    return {one_label} ? numbers[0] : numbers;
  }});
}}

/** Throws where predictions for known rows are not the known ones. */
export function selfTest() {{
  const rows = {known_x};
  const want = {known_y};
  predict(rows).forEach((got, k) => {{
    const largest = Math.max(...want[k].map(Math.abs));
    got.forEach((y, i) => {{
      const near = Math.abs(y - want[k][i]) <= {fixed} + {relative} * largest;
      if (!near) throw new Error(`row ${{k}}: ${{got}} is not ${{want[k]}}`);
    }});
  }});
}}
"""


def js_module(model: Predictor) -> str:
    """The text of the file."""
    row = RowFunction(model, JavaScriptDialect())
    rows, answers = next(iter(model.rows.values()))[:KNOWN_ROWS], model.answers()[PREDICTIONS]
    single = np.float32 in (row.x.dtype, answers.dtype)
    one = [o.key for o in row.outputs if o.key.endswith(LABELS) and len(o.node.shape) == 1]
    return TEMPLATE.format(
        version=VERSION,
        inputs=row.inputs,
        classes=json.dumps({name: known.tolist() for name, known in model.classes.items()}),
        constants="\n".join(row.constants),
        arrays="\n".join(row.arrays),
        lines="\n  ".join(row.lines),
        fields=", ".join(f"{o.name}: new {js_array(o.node.dtype)}({o.size})" for o in row.outputs),
        results=", ".join(f"{json.dumps(o.key)}: out.{o.name}" for o in row.outputs),
        x_array=js_array(row.x.dtype),
        label=LABELS,
        one_label=f"{json.dumps(one)}.includes(output)",
        known_x=json.dumps(rows.reshape(len(rows), -1).tolist()),
        known_y=json.dumps(answers.reshape(len(answers), -1).tolist()),
        fixed=1e-6 if single else 1e-12,
        relative=5e-6 if single else 1e-12,
    )
