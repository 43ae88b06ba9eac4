"""Foreign gates: those of recurrent layers of other libraries, brought into the order and the parameters of this one.

Shapes: m units, k numbers of all gates of a unit; here weight (n, k m), bias (k m,), recurrent weight (m, k m) and, of
a gru that resets after the product, recurrent bias (m,).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bpframe.types import HostArray

TORCH = re.compile(r"(.*)weight_ih(_l\d+(?:_reverse)?)")  # of nn.RNN, nn.GRU, nn.LSTM
KERAS = re.compile(r"(.*)recurrent_kernel(.*)")
GRU = 3  # gates, of which each library has an order of its own


def of_torch(arrays: Mapping[str, Any]) -> Iterator[tuple[list[str], dict[str, HostArray]]]:
    """(names in the source, what stands for them by name) of each recurrent layer and direction of PyTorch.

    Order r, z, candidate of a GRU; two biases, of which all but the candidate's add up.
    """
    for name in arrays:
        if not (found := TORCH.fullmatch(name)):
            continue
        before, behind = found.groups()
        names = [f"{before}{part}{behind}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        weight, recurrent = (host_array(arrays[each]).T for each in names[:2])
        biases = [host_array(arrays[each]) for each in names[2:] if each in arrays] or [np.zeros(weight.shape[1])] * 2
        m = recurrent.shape[0]
        if weight.shape[1] == GRU * m:
            weight, recurrent, *biases = (_update_first(each, m) for each in (weight, recurrent, *biases))
        made = _parameters(weight, recurrent, biases[0], biases[1])
        own = names[0], names[2], names[1], names[3]
        yield [each for each in names if each in arrays], dict(zip(own, made, strict=False))


def of_keras(arrays: Mapping[str, Any]) -> Iterator[tuple[list[str], dict[str, HostArray]]]:
    """The same of Keras, whose order of gates is that of this library; a GRU's bias may have two rows."""
    for name in arrays:
        if not (found := KERAS.fullmatch(name)):
            continue
        before, behind = found.groups()
        kernel, bias = f"{before}kernel{behind}", f"{before}bias{behind}"
        weight, recurrent = host_array(arrays[kernel]), host_array(arrays[name])
        given = host_array(arrays[bias]) if bias in arrays else np.zeros(weight.shape[1])
        after = given.ndim == 2  # the reset of a GRU comes after the product
        made = _parameters(weight, recurrent, *given) if after else [weight, given, recurrent]
        own = kernel, bias, name, f"{before}recurrent_bias{behind}"
        yield [each for each in (kernel, name, bias) if each in arrays], dict(zip(own, made, strict=False))


def _parameters(weight: HostArray, recurrent: HostArray, first: HostArray, second: HostArray) -> list[HostArray]:
    """[weight, bias, recurrent weight] and of a gru the bias of its candidate, which r multiplies."""
    m = recurrent.shape[0]
    if weight.shape[1] != GRU * m:
        return [weight, first + second, recurrent]
    outside = np.concatenate([second[: 2 * m], np.zeros(m, second.dtype)])
    return [weight, first + outside, recurrent, second[2 * m :]]


def _update_first(array: HostArray, m: int) -> HostArray:
    """Gates r, z, candidate as z, r, candidate, along the last axis."""
    r, z, candidate = np.split(array, [m, 2 * m], axis=-1)
    return np.concatenate([z, r, candidate], axis=-1)


def host_array(value: Any) -> HostArray:
    """An array of NumPy, of a tensor of PyTorch too, wherever that lies."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    return np.asarray(value)
