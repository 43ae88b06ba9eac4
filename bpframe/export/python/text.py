"""Text of a model's file in Python, with places for its data and statements."""

from __future__ import annotations

TEMPLATE = '''\
"""{title}

    import {module}
    {module}.predict(x)         # (B, ...) predictions of rows x: {shape}

It needs NumPy alone. Run as a script, it proves itself on answers that it knows. Written by bpframe {version}.
"""

import base64

import numpy as np

DTYPE = np.{dtype}  # of rows
INPUTS = {inputs}  # the shape of a row of each input
CLASSES = {classes}  # labels by class number, by the name of an output

_DATA = base64.b64decode(
{data}
)


def _array(at, shape, dtype):
    size = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(_DATA, dtype, size, at).reshape(shape)


{constants}


def _part(name, x):
    x, shape = np.asarray(x, DTYPE), INPUTS[name]
    if x.shape[1:] not in (shape, (size := int(np.prod(shape)),)) and (x.ndim, size) != (1, 1):
        raise ValueError(f"{{name}} needs rows of shape {{shape}}, got an array of shape {{x.shape}}")
    return x.reshape(-1, *shape)


def _rows(x):
    """The inputs by name, of a mapping or of one array in which they stand side by side."""
    if not hasattr(x, "keys"):
        ends = np.cumsum([int(np.prod(shape)) for shape in INPUTS.values()])
        if len(INPUTS) > 1 and np.shape(x)[1:] != (ends[-1],):
            wanted = f"{{', '.join(INPUTS)}} by name, or {{ends[-1]}} numbers a row"
            raise ValueError(f"x needs {{wanted}}, got {{np.shape(x)}}")
        x = dict(zip(INPUTS, [x] if len(INPUTS) == 1 else np.split(np.asarray(x), ends[:-1], axis=1)))
    if missing := [name for name in INPUTS if name not in x]:
        raise ValueError(f"x needs {{', '.join(missing)}} too, got {{', '.join(x)}}")
    found = {{name: _part(name, x[name]) for name in INPUTS}}
    if len(set(map(len, found.values()))) > 1:
        raise ValueError("x needs as many rows in every input")
    return found


def outputs(x):
    """Every output by name, class numbers as labels, for rows x: {shape}."""
    x = _rows(x)
    rows = len(x[{first!r}])
    with np.errstate(all="ignore"):
{body}
    return {{{results}}}


def scores(x):
    """(B, C) what the last layer gives, before the link."""
    return outputs(x)["{scores}"]


def predict(x):
    """(B, C) predictions: probabilities or means, in the units of the target."""
    return outputs(x)["{predictions}"]


def predict_labels(x, output="{labels}"):
    """(B,) labels as they were given in training, or (B, k) zeros and ones; of several heads a mapping of these."""
    found = outputs(x)
    own = {{n.removesuffix("." + output): _labels(n, k) for n, k in found.items() if n.endswith("." + output)}}
    if output not in found and not own:
        raise KeyError(f"there are no {{output}}; outputs: {{', '.join(found)}}")
    return _labels(output, found[output]) if output in found else own


def _labels(output, numbers):
    return np.array(CLASSES[output])[numbers] if output in CLASSES else numbers


def self_test():
    """AssertionError where predictions for known rows are not the known ones."""
    got = predict({{{known_x}}})
    want = {known_y}
    size = np.abs(want).max(axis=-1, keepdims=True)
    fixed, relative = {tolerance}
    assert np.all((np.abs(got - want) <= fixed + relative * size) | (got == want)), (got, want)


if __name__ == "__main__":
    self_test()
    print("the known answers come back")
'''
