"""Read-only parameters: a tree of views that layers are given to predict with, kept while the arrays stay the same."""

from __future__ import annotations

from typing import Any, final

from bpframe import tree
from bpframe.data.arrays import read_only
from bpframe.network.chunks import chunk_rows
from bpframe.types import Params, Shape


@final
class ReadOnlyParams:
    """Views of parameters, layer by layer. Numbers that are written into the arrays are seen in them.

    Buffers are arrays that steps replace, so that views of those are made anew each time.
    """

    def __init__(self) -> None:
        self._views: dict[str, tuple[Any, Any]] = {}  # (a layer's parameters, the same read-only) by label
        self._sizes: dict[Shape, int] = {}

    def of(self, params: Params) -> Params:
        """The parameters with read-only leaves."""
        shown: Params = {}
        for label, own in params.items():
            known = self._views.get(label)
            if known is None or known[0] is not own:
                known = own, tree.transform(own, read_only)
                if not any("buffers" in path for path, _ in tree.leaves(own)):
                    self._views[label] = known
            shown[label] = dict(known[1])
        return shown

    def chunk_rows(self, row: Shape, params: Params) -> int:
        """How many rows of that shape go through the network at a time."""
        if row not in self._sizes:
            self._sizes[row] = chunk_rows(row, params)
        return self._sizes[row]
