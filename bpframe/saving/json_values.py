"""JSON encoding of Python values, with arrays stored beside it: an exact round trip for the memory of callbacks."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bpframe.errors import CheckpointError
from bpframe.types import HostArray

MARK = "$"  # a JSON object with this key is not a mapping but another type


def encode_value(value: object, arrays: dict[str, HostArray], path: str) -> Any:
    """JSON for None, truth values, numbers, texts, lists, tuples, mappings by text and arrays of them.

    Arrays, and lists of floats, go into `arrays` under `path`. CheckpointError for anything else.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        arrays[path] = np.asarray(value)
        return {MARK: "array" if isinstance(value, np.ndarray) else "scalar", "at": path}
    if isinstance(value, float):
        return {MARK: "float", "of": value.hex()}
    if isinstance(value, list | tuple):
        if value and all(type(item) is float for item in value):
            arrays[path] = np.array(value)
            return {MARK: "floats", "at": path, "tuple": isinstance(value, tuple)}
        each = [encode_value(item, arrays, f"{path}/{i}") for i, item in enumerate(value)]
        return {MARK: "tuple", "of": each} if isinstance(value, tuple) else each
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        items = {key: encode_value(item, arrays, f"{path}/{key}") for key, item in value.items()}
        order = {} if list(value) == sorted(value) else {"keys": list(value)}  # a manifest's own keys are sorted
        return {MARK: "dict", "of": items, **order}
    raise CheckpointError(f"{path} needs plain values and arrays, to be written to a file, got {type(value).__name__}.")


def decode_value(value: object, arrays: Mapping[str, HostArray]) -> Any:
    """The inverse of `encode_value`."""
    if isinstance(value, list):
        return [decode_value(item, arrays) for item in value]
    if not isinstance(value, Mapping):
        return value
    kind = value.get(MARK)
    if kind in ("array", "scalar"):
        return arrays[value["at"]] if kind == "array" else arrays[value["at"]][()]
    if kind == "float":
        return float.fromhex(value["of"])
    if kind == "floats":
        return (tuple if value["tuple"] else list)(arrays[value["at"]].tolist())
    if kind == "dict":
        items = value["of"]
        return {key: decode_value(items[key], arrays) for key in value.get("keys", items)}
    return tuple(decode_value(item, arrays) for item in value["of"])


def to_json(value: object) -> str:
    """JSON on one line; a number that is not finite, which JSON cannot represent, becomes null."""
    return json.dumps(_null_for_nonfinite(value), allow_nan=False)


def _null_for_nonfinite(value: object) -> Any:
    if isinstance(value, dict):
        return {key: _null_for_nonfinite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_null_for_nonfinite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
