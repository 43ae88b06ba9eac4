"""Foreign weights: those of a network of another library, brought into the names and layouts of this one.

A dense weight is (n, units) here, in Keras and in scikit-learn, and (units, n) in PyTorch; what else differs is in
foreign_layout.py, and for recurrent layers in foreign_gates.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from bpframe.errors import ConfigError, ShapeError
from bpframe.network.network import LabelledLayers
from bpframe.protocols import CheckInputs, Fit
from bpframe.protocols.implements import implements
from bpframe.saving.plain_safetensors import read_plain_tensors
from bpframe.training.foreign_gates import host_array, of_keras, of_torch
from bpframe.training.foreign_layout import joined_rows, laid_out
from bpframe.types import HostArray, Shape

COUNTERS = ("num_batches_tracked",)  # ends of names of what is no parameter
LAYOUTS = ("torch", "keras")
SHOWN = 12  # names that an error lists


@final
@dataclass(frozen=True)
class ForeignWeights:
    """Arrays by name, in the order of the layers; `turned`: whether they are laid out as those of PyTorch."""

    arrays: Mapping[str, Any]
    turned: bool


def weights_for(
    layers: LabelledLayers,
    own: Mapping[str, HostArray],
    source: object,
    mapping: Mapping[str, str] | None,
    layout: str | None,
    in_shape: Shape,
) -> dict[str, HostArray]:
    """The parameters `own`, by "layer/name", with those of the source in their places; rows are of `in_shape`."""
    if layout is not None and layout not in LAYOUTS:
        raise ConfigError(f"load_weights needs one of {', '.join(LAYOUTS)} as layout, got {layout!r}.")
    foreign = foreign_weights(source)
    turned = foreign.turned if layout is None else layout == "torch"
    arrays, ready = own_gates(foreign.arrays, turned)
    pairs = _by_order(layers, own, arrays) if mapping is None else _by_name(own, arrays, mapping)
    turning = {label for label, layer in layers if not implements(layer, CheckInputs)}  # a table of vectors stays
    joined = joined_rows(layers, in_shape) if turned else {}
    values = dict(own)
    for name, source_name in pairs:
        label, shape = name.split("/")[0], own[name].shape
        array, how = host_array(arrays[source_name]), ""
        if name.endswith("weight") and label in turning and source_name not in ready:
            given = array
            array = laid_out(array, shape, turned, joined.get(label))
            how = " once it is turned (layout 'torch')" if turned and given.ndim > 1 else ""
        if array.shape != shape:
            raise ShapeError(
                f"load_weights needs shape {shape} for '{name}', got {array.shape} from '{source_name}'{how}."
            )
        values[name] = array
    return values


def own_gates(arrays: Mapping[str, Any], turned: bool) -> tuple[dict[str, Any], set[str]]:
    """(the arrays, with gates of recurrent layers as here, in their places; the names of those)."""
    made, aside = {}, set()
    for names, parameters in of_torch(arrays) if turned else of_keras(arrays):
        made[names[0]] = parameters
        aside.update(names)
    ordered: dict[str, Any] = {}
    for name, value in arrays.items():
        ordered.update(made.get(name, {} if name in aside else {name: value}))
    return ordered, {name for parameters in made.values() for name in parameters}


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
