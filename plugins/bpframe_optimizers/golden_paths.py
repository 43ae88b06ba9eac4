"""Golden paths that other libraries computed, for the conformance kit.  p (4, 3), or all numbers of a model (15,)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("golden_paths.npz")  # written by tests/golden/make_kit_paths.py
Golden = tuple[Any, ...]  # arguments, p, gradient of each step, p after each, and what the kit asks for besides


def golden_paths(cases: Mapping[str, Mapping[str, Any]]) -> list[Golden]:
    """A case for each path of the file by its name, with the arguments that it is of; "all/..." of a whole model."""
    arrays = np.load(FILE)

    def case(name: str, arguments: Mapping[str, Any]) -> Golden:
        folder = name[: name.rfind("/") + 1]
        predicting = [arrays[f"{name}.x"]] if f"{name}.x" in arrays else []
        return arguments, arrays[f"{folder}start"], arrays[f"{folder}gradients"], arrays[name], *predicting

    return [case(name, arguments) for name, arguments in cases.items()]
