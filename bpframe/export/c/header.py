"""Header of a model in C99: constants, the function of one row, functions of many, known answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bpframe.export.c.dialect import POWER, CDialect, c_type
from bpframe.export.loops.row_function import Port, RowFunction
from bpframe.export.prediction_outputs import PREDICTIONS
from bpframe.export.predictor import KNOWN_ROWS, Predictor
from bpframe.version import VERSION

TEMPLATE = """\
/* Predictions of a neural network, in C99 with math.h alone and without allocation. Written by bpframe {version}.

    {p}_outputs out;
    {p}_run(x, &out);                    {what}
    {p}_predict(x, rows, predictions);   so many rows of x, and of {predicted} numbers

{p}_self_test() is 0 where known answers come back. */
#ifndef {guard}
#define {guard}

#include <math.h>
{power}
#define {up}_INPUTS {numbers}
{sizes}

{inputs}typedef struct {{
{fields}
}} {p}_outputs;

{labels}static inline void {p}_run(const {x_type} *x, {p}_outputs *out) {{
    {constants}
    {arrays}
    {lines}
}}

static inline void {p}_predict(const {x_type} *x, int rows, {y_type} *predictions) {{
    {p}_outputs out;
    for (int row = 0; row < rows; row++) {{
        {p}_run(x + row{stride}, &out);
        for (int i = 0; i < {predicted}; i++) predictions[row * {predicted} + i] = out.predictions[i];
    }}
}}

/* The number of the row whose predictions are not those known for it, from 1; 0 where all are. */
static inline int {p}_self_test(void) {{
    {known_x}
    {known_y}
    {y_type} got[{predicted}];
    for (int row = 0; row < {rows}; row++) {{
        {y_type} largest = 0;
        {p}_predict(known_x + row{stride}, 1, got);
        for (int i = 0; i < {predicted}; i++) {{
            const {y_type} size = (known_y[row * {predicted} + i] < 0 ? -1 : 1) * known_y[row * {predicted} + i];
            if (size > largest) largest = size;
        }}
        for (int i = 0; i < {predicted}; i++) {{
            const {y_type} want = known_y[row * {predicted} + i], off = got[i] - want;
            if (got[i] != want && !((off < 0 ? -off : off) <= {fixed} + {relative} * largest)) return row + 1;
        }}
    }}
    return 0;
}}

#endif
"""


def c_header(model: Predictor, prefix: str) -> str:
    """The text of the file."""
    dialect = CDialect()
    row = RowFunction(model, dialect, "x->{}")
    y, answers = row.prediction, model.answers()[PREDICTIONS]
    single = np.float32 in (row.dtype, y.node.dtype) or answers.dtype == np.float32
    fixed, relative = (1e-6, 5e-6) if single else (1e-12, 1e-12)
    return TEMPLATE.format(
        version=VERSION,
        p=prefix,
        up=prefix.upper(),
        guard=f"{prefix.upper()}_H",
        what="x: one row, by the names of inputs" if row.several else f"x: {row.numbers} numbers, one row",
        numbers=row.numbers,
        stride="" if row.several else f" * {row.numbers}",
        predicted=y.size,
        sizes="\n".join(f"#define {prefix.upper()}_{o.name.upper()} {o.size}" for o in row.outputs),
        inputs=f"typedef struct {{\n{_fields(row.inputs)}\n}} {prefix}_inputs;\n\n" if row.several else "",
        fields=_fields(row.outputs),
        labels="".join(_labels(model, row.outputs, prefix)),
        constants="\n    ".join(map(_indented, row.constants)),
        x_type=f"{prefix}_inputs" if row.several else c_type(row.dtype),
        y_type=c_type(y.node.dtype),
        power=POWER if any("bpframe_power(" in line for line in row.lines) else "",
        arrays="\n    ".join(row.arrays),
        lines="\n    ".join(row.lines),
        known_x=_indented(_known_rows(model, row, dialect, prefix)),
        known_y=_indented(dialect.constant("known_y", answers)),
        rows=KNOWN_ROWS,
        fixed=dialect.literal(fixed, answers.dtype),
        relative=dialect.literal(relative, answers.dtype),
    )


def _fields(ports: Sequence[Port]) -> str:
    """Arrays of a struct."""
    return "\n".join(f"    {c_type(port.node.dtype)} {port.name}[{port.size}];" for port in ports)


def _known_rows(model: Predictor, row: RowFunction, dialect: CDialect, prefix: str) -> str:
    """The declaration of rows by which the form proves itself."""
    parts = [model.rows[x.key][:KNOWN_ROWS] for x in row.inputs]
    if not row.several:
        return dialect.constant("known_x", parts[0])
    structs = ", ".join(f"{{{', '.join(dialect.numbers(part[k]) for part in parts)}}}" for k in range(KNOWN_ROWS))
    return f"static const {prefix}_inputs known_x[{KNOWN_ROWS}] = {{{structs}}};"


def _labels(model: Predictor, outputs: Sequence[Port], prefix: str) -> list[str]:
    """The labels as text, by class number; a macro, so that who does not use them has none."""
    lines, plain = [], {output.key: output.name for output in outputs}
    for name, known in model.classes.items():
        texts = ", ".join('"' + _escaped(str(label)) + '"' for label in known.tolist())
        lines.append(f"/* The text of class number i of {name}. */\n")
        text = f"{prefix}_{plain[name]}_text"
        lines.append(f"static inline const char *{text}(int i) {{\n")
        lines.append(f"    static const char *const known[{len(known)}] = {{{texts}}};\n    return known[i];\n}}\n\n")
    return lines


def _escaped(text: str) -> str:
    """A text in a literal of C: bytes beyond ASCII in octal."""
    plain = {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?"}  # two of the last begin a trigraph
    return "".join(plain.get(b, chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in text.encode())


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")
