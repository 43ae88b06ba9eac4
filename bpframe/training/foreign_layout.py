"""Foreign layouts of weights, those of other libraries: the axes of one array brought into the order of this one.

Shapes here: dense (n, units), kernels (*K, in, out), a transposed convolution's (*K, out, in). PyTorch has (units, n),
(out, in, *K) and (in, out, *K); Keras has kernels of a depthwise convolution as (*K, C, m), here (*K, 1, C m).
"""

from __future__ import annotations

from math import prod

import numpy as np

from bpframe import tree
from bpframe.network.network import LabelledLayers
from bpframe.types import HostArray, Shape


def laid_out(array: HostArray, shape: Shape, turned: bool, joined: Shape | None = None) -> HostArray:
    """A weight in the layout of a parameter of that shape; as it is where nothing tells that it is another.

    `turned`: it is PyTorch's. `joined`: the shape (*S, C) of the rows whose axes were joined before a dense layer,
    which PyTorch joins with channels first.
    """
    if turned and array.ndim > 2:
        array = np.moveaxis(array, (0, 1), (-1, -2))
    elif turned and array.ndim == 2:
        if joined is not None and array.shape[1] == prod(joined):
            by_channel = array.reshape(len(array), joined[-1], *joined[:-1])
            array = np.moveaxis(by_channel, 1, -1).reshape(len(array), -1)
        array = array.T
    if array.ndim > 2:
        *size, c, m = array.shape
        depthwise = (*size, 1, c * m) == shape
        pointwise = prod(size) == 1 and (c, m) == shape
        array = array.reshape(shape) if depthwise or pointwise else array
    return array


def joined_rows(layers: LabelledLayers, in_shape: Shape) -> dict[str, Shape]:
    """By label the shape (*S, C) of rows that were joined to one axis before a layer, behind a convolution."""
    found: dict[str, Shape] = {}
    shape, joined, convolved = in_shape, None, False
    for label, layer in layers:
        params, out = layer.init(np.random.default_rng(0), shape)
        leaves = [leaf for _, leaf in tree.leaves(params)]
        if leaves and joined is not None:
            found[label], joined = joined, None
        convolved = convolved or any(np.ndim(leaf) > 2 for leaf in leaves)
        if not leaves and convolved and len(shape) > 1 and out == (prod(shape),):
            joined = shape
        elif out != shape:
            joined = None
        shape = out
    return found
