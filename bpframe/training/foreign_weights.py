"""Foreign weights: those of a network of another library, brought into the names and layouts of this one.

A dense weight is (n, units) here, in Keras and in scikit-learn, and (units, n) in PyTorch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from bpframe.errors import ConfigError, ShapeError
from bpframe.network.network import LabelledLayers
from bpframe.protocols import CheckInputs, Fit
from bpframe.protocols.implements import implements
from bpframe.saving.plain_safetensors import read_plain_tensors
from bpframe.types import HostArray

COUNTERS = ("num_batches_tracked",)  # ends of names of what is no parameter
LAYOUTS = ("torch", "keras")
SHOWN = 12  # names that an error lists


@final
@dataclass(frozen=True)
class ForeignWeights:
    """Arrays by name, in the order of the layers; `turned`: whether dense weights are (units, n)."""

    arrays: Mapping[str, Any]
    turned: bool


def weights_for(
    layers: LabelledLayers,
    own: Mapping[str, HostArray],
    source: object,
    mapping: Mapping[str, str] | None,
    layout: str | None,
) -> dict[str, HostArray]:
    """The parameters `own`, by "layer/name", with those of the source in their places."""
    if layout is not None and layout not in LAYOUTS:
        raise ConfigError(f"load_weights needs one of {', '.join(LAYOUTS)} as layout, got {layout!r}.")
    foreign = foreign_weights(source)
    turned = foreign.turned if layout is None else layout == "torch"
    pairs = _by_order(layers, own, foreign.arrays) if mapping is None else _by_name(own, foreign.arrays, mapping)
    turning = {label for label, layer in layers if not implements(layer, CheckInputs)}  # a table of vectors stays
    values = dict(own)
    for name, source_name in pairs:
        turn = turned and name.endswith("weight") and own[name].ndim == 2 and name.split("/")[0] in turning
        array = host_array(foreign.arrays[source_name])
        array = array.T if turn and array.ndim == 2 else array
        if array.shape != own[name].shape:
            how = " once it is turned (layout 'torch')" if turn else ""
            raise ShapeError(
                f"load_weights needs shape {own[name].shape} for '{name}', got {array.shape} from '{source_name}'{how}."
            )
        values[name] = array
    return values


def foreign_weights(source: Any) -> ForeignWeights:
    """The arrays of a source by name; ConfigError for what is none."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.suffix != ".safetensors":
            raise ConfigError(f"load_weights reads .safetensors, got '{path}'. Load others with their own library.")
        return ForeignWeights(_parameters(read_plain_tensors(path)), turned=True)
    if hasattr(source, "coefs_") and hasattr(source, "intercepts_"):
        layers = enumerate(zip(source.coefs_, source.intercepts_, strict=True))
        both = ((("coefs_", w), ("intercepts_", b), k) for k, (w, b) in layers)
        return ForeignWeights({f"{n}[{k}]": a for *pair, k in both for n, a in pair}, turned=False)
    if hasattr(source, "get_weights") and hasattr(source, "weights"):
        names = [str(getattr(w, "path", None) or w.name) for w in source.weights]
        return ForeignWeights(dict(zip(names, source.get_weights(), strict=True)), turned=False)
    if hasattr(source, "state_dict"):
        source = source.state_dict()
    if isinstance(source, Mapping):
        return ForeignWeights(_parameters(source), turned=True)
    raise ConfigError(
        "load_weights needs a state dict, a module of PyTorch, a .safetensors file, a Keras model, or a fitted MLP of "
        f"scikit-learn, got {type(source).__name__}."
    )


def host_array(value: Any) -> HostArray:
    """An array of NumPy, of a tensor of PyTorch too, wherever that lies."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    return np.asarray(value)


def _parameters(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arrays.items() if not name.endswith(COUNTERS)}


def _by_order(
    layers: LabelledLayers, own: Mapping[str, HostArray], arrays: Mapping[str, Any]
) -> Iterable[tuple[str, str]]:
    """(own name, name in the source) in the order of both."""
    learned = {label for label, layer in layers if implements(layer, Fit)}
    wanted = [name for name in own if name.split("/")[0] not in learned]
    if len(wanted) != len(arrays):
        first = wanted[0] if wanted else ""
        raise ConfigError(
            f"load_weights needs one array for each of {len(wanted)} parameters ({_listing(wanted)}), got "
            f"{len(arrays)} ({_listing(list(arrays))}). Say which is which: mapping={{'{first}': ...}}."
        )
    return zip(wanted, arrays, strict=True)


def _by_name(
    own: Mapping[str, HostArray], arrays: Mapping[str, Any], mapping: Mapping[str, str]
) -> Iterable[tuple[str, str]]:
    for name, source_name in mapping.items():
        if name not in own:
            raise ConfigError(f"load_weights: there is no parameter '{name}'. Parameters: {_listing(list(own))}.")
        if source_name not in arrays:
            raise ConfigError(f"load_weights: the source has no '{source_name}'. It has {_listing(list(arrays))}.")
    return mapping.items()


def _listing(names: Sequence[str]) -> str:
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
