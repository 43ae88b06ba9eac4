"""Input checks of layers: rows that a layer cannot use, such as ids outside of a table, are named where they come in.

Shapes: x (N, *in_shape) rows.
"""

from __future__ import annotations

from bpframe.errors import DataError
from bpframe.network.guards import view
from bpframe.network.network import LabelledLayers
from bpframe.protocols import CheckInputs
from bpframe.protocols.implements import implements
from bpframe.types import HostArray


def check_inputs(layers: LabelledLayers, x: HostArray, name: str = "x") -> HostArray | None:
    """DataError for rows that one of the first layers cannot use; the rows that the last one hands on.

    None where a layer makes other numbers of them: what is behind it cannot be checked before it runs. `name` is what
    errors call the rows; empty for the layers inside another.
    """
    rows: HostArray | None = x
    for label, layer in layers:
        if rows is None or not implements(layer, CheckInputs):
            return None
        try:
            rows = layer.check_inputs(view(rows))
        except DataError as error:
            raise error.with_text(f"{name and f'{name} for '}layer '{label}': {error}") from None
    return rows
