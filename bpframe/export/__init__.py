"""Export: a trained model as a file that needs no bpframe; the room itself is called: `bp.export(trainer, path)`.

recorded_array, array_namespace, inner_graphs (arrays that record, loops and branches) -> graph_recording (a function
twice, merged into one graph) -> predictor (what a trainer predicts) -> a form of it: onnx, ... Exporters are plugins,
chosen by the suffix of the path.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """This package, which is at once the function `bpframe.export.front.export`."""

    def __call__(self, *args: Any, **settings: Any) -> Any:
        from bpframe.export.front import export  # the room is imported by whoever wants a part of it

        return export(*args, **settings)


sys.modules[__name__].__class__ = _Room
