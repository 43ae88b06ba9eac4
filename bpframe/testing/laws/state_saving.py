"""Saving of optimizer state: it survives a round trip through a file bit for bit."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bpframe import tree
from bpframe.saving import tensor_file
from bpframe.testing.laws.comparison import require
from bpframe.types import HostArray, State


def save_and_load(p: HostArray, state: State, step: int, fresh: State) -> tuple[HostArray, State, int]:
    """(p, state, step) after a round trip through a tensor file; `fresh`: a state from `init`, for its structure."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.safetensors"
        tensor_file.write_tensors(file, tree.flatten({"p": p, "state": state}), {"step": step})
        tensors, manifest = tensor_file.read_tensors(file)
    filled = tree.transform(fresh, lambda leaf: leaf)
    for path, _ in list(tree.leaves(fresh)):
        name = "/".join(("state", *path))
        require(name in tensors, f"the state must hold what init makes, but {'/'.join(path)} was not saved")
        tree.assign(filled, path, tensors[name])
    return tensors["p"], filled, manifest["step"]


def state_shapes(state: Any) -> dict[str, tuple[int, ...]]:
    """The shape of every leaf by its path; CheckFailed unless the state is a nested dict of arrays of numbers."""
    require(isinstance(state, dict), f"a state must be a dict of arrays, got {type(state).__name__}")
    found = {}
    for path, leaf in tree.leaves(state):
        place = "/".join(map(str, path))
        numbers = hasattr(leaf, "shape") and getattr(leaf.dtype, "kind", "") in ("b", "i", "u", "f")
        require(numbers, f"state {place} must be an array of numbers, got {leaf!r}")
        found[place] = tuple(leaf.shape)
    return found
