"""Writes space_layers.npz: outputs and slopes of PyTorch, Keras and ONNX for layers over axes of space.

usage: KERAS_BACKEND=jax python tests/golden/make_space_layers.py
needs: torch 2.13, keras 3.15.1, jax 0.10, onnx 1.23

Arrays of each case, as bpframe has them, channels last: CASE/x, CASE/dy, CASE/y, CASE/dx, and of parameters CASE/NAME
and CASE/dNAME. ONNX gives y alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np
import torch
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

jax.config.update("jax_enable_x64", True)
keras.config.set_floatx("float64")
HOME = Path(__file__).with_name("space_layers.npz")
DRAWS = np.random.default_rng(21)
F = torch.nn.functional
Arrays = dict[str, np.ndarray]


def first(x: np.ndarray) -> np.ndarray:
    """Channels behind the batch."""
    return np.moveaxis(x, -1, 1)


def last(x: Any) -> np.ndarray:
    """Channels last."""
    return np.moveaxis(np.asarray(x), 1, -1)


def kernel_first(w: np.ndarray) -> np.ndarray:
    """(*K, in, out) as (out, in, *K)."""
    return np.moveaxis(w, (-1, -2), (0, 1))


def kernel_last(w: Any) -> np.ndarray:
    """(out, in, *K) as (*K, in, out)."""
    return np.moveaxis(np.asarray(w), (0, 1), (-1, -2))


def with_torch(function: Callable[..., torch.Tensor], x: np.ndarray, **params: np.ndarray) -> Arrays:
    """y and slopes of a function of PyTorch; `params` are kernels as (*K, in, out) or vectors."""
    given = torch.tensor(first(x), requires_grad=True)
    own = {
        name: torch.tensor(kernel_first(value) if value.ndim > 1 else value, requires_grad=True)
        for name, value in params.items()
    }
    y = function(given, **own)
    dy = torch.tensor(DRAWS.normal(size=y.shape))
    slopes = torch.autograd.grad(y, (given, *own.values()), dy)
    found = {"x": x, "dy": last(dy), "y": last(y.detach()), "dx": last(slopes[0]), **params}
    for name, slope in zip(own, slopes[1:], strict=True):
        found[f"d{name}"] = kernel_last(slope) if slope.ndim > 1 else np.asarray(slope)
    return found


def with_keras(layer: Any, x: np.ndarray, names: tuple[str, ...] = ()) -> Arrays:
    """y and slopes of a layer of Keras with drawn weights; `names`: of its weights in order."""
    layer.build(x.shape)
    for variable in layer.weights:
        variable.assign(DRAWS.normal(size=variable.shape))
    weights = [np.asarray(variable) for variable in layer.weights]

    def run(x: Any, weights: Any) -> Any:
        return layer.stateless_call(weights, [], x)[0]

    y, back = jax.vjp(run, x, weights)
    dy = DRAWS.normal(size=y.shape)
    dx, slopes = back(jax.numpy.asarray(dy))
    found = {"x": x, "dy": dy, "y": np.asarray(y), "dx": np.asarray(dx)}
    for name, value, slope in zip(names, weights, slopes, strict=True):
        found |= {name: value, f"d{name}": np.asarray(slope)}
    return found


def with_onnx(operator: str, x: np.ndarray, weights: tuple[np.ndarray, ...] = (), **attributes: Any) -> Arrays:
    """y by ONNX's reference implementation; `weights`: a kernel (*K, in, out) and a bias."""
    inputs = [first(x), *(kernel_first(w) if w.ndim > 1 else w for w in weights)]
    names = [f"i{k}" for k in range(len(inputs))]
    node = helper.make_node(operator, names, ["y"], **attributes)
    values = [helper.make_tensor_value_info(n, TensorProto.DOUBLE, None) for n in names]
    made = helper.make_graph([node], "g", values, [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 21)])
    (y,) = ReferenceEvaluator(model).run(None, dict(zip(names, inputs, strict=True)))
    return {"x": x, "y": last(y), **dict(zip(("weight", "bias"), weights, strict=False))}


def draw(*shape: int) -> np.ndarray:
    """Normal numbers."""
    return DRAWS.normal(size=shape)


def cases() -> dict[str, Arrays]:
    """All, by name."""
    image, odd, line = draw(2, 6, 7, 4), draw(2, 5, 7, 3), draw(2, 9, 4)
    k = keras.layers
    kernel, bias = draw(3, 3, 3, 2), draw(2)
    return {
        "torch_conv2d": with_torch(
            lambda x, weight, bias: F.conv2d(x, weight, bias, stride=2, padding=1), odd, weight=kernel, bias=bias
        ),
        "torch_conv2d_dilated": with_torch(
            lambda x, weight, bias: F.conv2d(x, weight, bias, padding=(2, 1), dilation=(2, 1), groups=2),
            image,
            weight=draw(3, 2, 2, 6),
            bias=draw(6),
        ),
        "torch_depthwise": with_torch(
            lambda x, weight, bias: F.conv2d(x, weight, bias, stride=(1, 2), padding=1, groups=4),
            image,
            weight=draw(3, 3, 1, 8),
            bias=draw(8),
        ),
        "torch_conv1d": with_torch(
            lambda x, weight, bias: F.conv1d(x, weight, bias, stride=2, padding=1),
            line,
            weight=draw(5, 4, 3),
            bias=draw(3),
        ),
        "torch_conv_transpose2d": with_torch(
            lambda x, weight, bias: F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=1),
            odd,
            weight=draw(3, 3, 2, 3),
            bias=bias,
        ),
        "torch_conv_transpose1d": with_torch(
            lambda x, weight, bias: F.conv_transpose1d(x, weight, bias, stride=3, dilation=2),
            line,
            weight=draw(2, 5, 4),
            bias=draw(5),
        ),
        "torch_max_pool2d": with_torch(lambda x: F.max_pool2d(x, 3, 2, 1), np.round(image)),
        "torch_avg_pool2d": with_torch(lambda x: F.avg_pool2d(x, 3, 2, 1), image),
        "torch_avg_pool2d_counted": with_torch(lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), image),
        "torch_global_avg_pool": with_torch(lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1), image),
        "torch_group_norm": with_torch(
            lambda x, scale, shift: F.group_norm(x, 2, scale, shift), image, scale=draw(4), shift=draw(4)
        ),
        "keras_conv2d_same": with_keras(k.Conv2D(2, 3, strides=2, padding="same"), image, ("weight", "bias")),
        "keras_conv1d_causal": with_keras(k.Conv1D(3, 3, dilation_rate=2, padding="causal"), line, ("weight", "bias")),
        "keras_separable": with_keras(
            k.SeparableConv2D(3, 3, depth_multiplier=2, padding="same"), odd, ("depthwise", "weight", "bias")
        ),
        "keras_conv_transpose2d_same": with_keras(
            k.Conv2DTranspose(2, 3, strides=2, padding="same"), odd, ("weight", "bias")
        ),
        "keras_avg_pool2d_same": with_keras(k.AveragePooling2D(3, 2, padding="same"), image),
        "keras_max_pool2d_same": with_keras(k.MaxPooling2D(3, 2, padding="same"), image),
        "keras_upsample": with_keras(k.UpSampling2D((2, 3)), odd),
        "onnx_conv_same": with_onnx("Conv", odd, (kernel, bias), auto_pad="SAME_UPPER", strides=[2, 2]),
        "onnx_avg_pool": with_onnx("AveragePool", image, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
        "onnx_max_pool": with_onnx("MaxPool", image, kernel_shape=[2, 3], strides=[2, 2]),
        "onnx_space_to_depth": with_onnx("SpaceToDepth", draw(2, 4, 6, 3), blocksize=2),
    }


def main() -> None:
    """Write the file."""
    arrays = {f"{case}/{name}": value for case, found in cases().items() for name, value in found.items()}
    np.savez_compressed(HOME, **arrays)


if __name__ == "__main__":
    main()
