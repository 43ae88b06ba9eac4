"""Layers over space and time, and nets of them, as this library and its peers have them: what convolution.py measures.

Each case is made by a library as a function of a number of steps, each forward and both gradients; a net's steps are
whole ones, with Adam. Shapes: rows (B, *S, C) here and in Keras, (B, C, *S) in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Run = Callable[[int], None]
DRAWS = np.random.default_rng(0)


@dataclass(frozen=True)
class Case:
    """A layer by its name and settings here, the shape of a batch, and PyTorch's module as text."""

    layer: str
    settings: dict[str, Any]
    shape: tuple[int, ...]
    torch: str

    def rows(self) -> np.ndarray:
        """A batch."""
        return DRAWS.normal(size=self.shape).astype(np.float32)


def conv(shape: tuple[int, ...], filters: int, size: int, stride: int = 1, groups: int = 1) -> Case:
    """A convolution with "same" padding of stride 1, and half a kernel's at both ends of others."""
    axes, c = len(shape) - 2, shape[-1]
    settings = {"filters": filters, "kernel_size": size, "stride": stride, "padding": size // 2, "groups": groups}
    module = f"nn.Conv{axes}d({c}, {filters}, {size}, {stride}, {size // 2}, groups={groups})"
    return Case(f"conv{axes}d", settings, shape, module)


CASES = {
    "conv2d 3x3, 64x28x28x1 to 32": conv((64, 28, 28, 1), 32, 3),
    "conv2d 3x3, 128x8x8x16 to 32": conv((128, 8, 8, 16), 32, 3),
    "conv2d 3x3, 16x16x16x64 to 64": conv((16, 16, 16, 64), 64, 3),
    "conv2d 3x3, 64x14x14x32 to 64": conv((64, 14, 14, 32), 64, 3),
    "conv2d 5x5, 16x32x32x3 to 32": conv((16, 32, 32, 3), 32, 5),
    "conv1d 5, stride 2, 100x40x1 to 25": conv((100, 40, 1), 25, 5, 2),
    "conv1d 3, stride 2, 100x20x25 to 25": conv((100, 20, 25), 25, 3, 2),
    "conv2d 3x3, stride 2, 64x16x16x32 to 64": conv((64, 16, 16, 32), 64, 3, 2),
    "depthwise 3x3, 64x16x16x32": conv((64, 16, 16, 32), 32, 3, groups=32),
    "transposed 2x2, stride 2, 64x16x16x32": Case(
        "conv_transpose2d",
        {"filters": 32, "kernel_size": 2, "stride": 2},
        (64, 16, 16, 32),
        "nn.ConvTranspose2d(32, 32, 2, 2)",
    ),
    "max_pool2d 2, 64x16x16x32": Case("max_pool2d", {}, (64, 16, 16, 32), "nn.MaxPool2d(2)"),
    "avg_pool2d 2, 64x16x16x32": Case("avg_pool2d", {}, (64, 16, 16, 32), "nn.AvgPool2d(2)"),
    **{
        f"{name}, {steps} steps, batch 64, 16 to 64": Case(
            name, {"units": 64, "sequences": True}, (64, steps, 16), f"nn.{name.upper()}(16, 64, batch_first=True)"
        )
        for name in ("gru", "lstm")
        for steps in (20, 120)
    },
    "attention 32 x 4 heads x 64 x 16": Case(
        "attention", {"heads": 4}, (32, 64, 64), "nn.MultiheadAttention(64, 4, batch_first=True)"
    ),
}
DIGITS = (
    ("conv", (32, 3, 1)),
    ("relu", ()),
    ("conv", (32, 3, 1)),
    ("relu", ()),
    ("pool", ()),
    ("flatten", ()),
    ("dense", (128,)),
    ("relu", ()),
    ("dense", (10,)),
)
MNIST_1D = (*(part for stage in range(3) for part in (("conv", (32, (5, 3, 3)[stage], 2)), ("relu", ()))),)
NETS: dict[str, tuple[tuple[int, ...], tuple[tuple[str, tuple[int, ...]], ...], int]] = {
    "net of digits, 8x8, batch 32": ((1440, 8, 8, 1), DIGITS, 32),
    "net of MNIST-1D, 40, batch 100": ((4000, 40, 1), (*MNIST_1D, ("flatten", ()), ("dense", (10,))), 100),
}


def labelled(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels of a net."""
    return DRAWS.normal(size=shape).astype(np.float32), DRAWS.integers(0, 10, shape[0])


# ----------------------------------------------------------------------------------------------------------- bpframe


def _layer(case: Case) -> tuple[Any, Any, Any]:
    """(the layer, its parameters in float32, a slope of its output)."""
    import bpframe as bp
    from bpframe import tree

    layer = bp.layers[case.layer](**case.settings)
    params, shape = layer.init(np.random.default_rng(0), case.shape[1:])
    leaves = {"/".join(path): np.asarray(leaf, np.float32) for path, leaf in tree.leaves(params)}
    return layer, tree.nest(leaves), DRAWS.normal(size=(case.shape[0], *shape)).astype(np.float32)


def numpy_layer(case: Case) -> Run:
    """A layer on arrays of NumPy."""
    from bpframe.network.context import StepContext
    from bpframe.random import HashKey

    (layer, params, dy), x, context = _layer(case), case.rows(), StepContext(True, True, HashKey(0, 1))

    def run(steps: int) -> None:
        for _ in range(steps):
            _, cache = layer.forward(params, x, context)
            layer.backward(params, cache, dy, context)

    return run


def jax_layer(case: Case) -> Run:
    """A layer in a compiled loop of steps, each of which takes its rows from a larger array, as the engine runs it."""
    import jax
    import jax.numpy as jnp

    from bpframe.engine.jax import compiled_step  # noqa: F401  # brings JAX's forms
    from bpframe.network.context import StepContext
    from bpframe.random import HashKey

    (layer, params, dy), x, context = _layer(case), case.rows(), StepContext(True, True, HashKey(0, 1))
    params = jax.tree.map(jnp.asarray, params)
    both = jnp.stack([x, -x]), jnp.stack([dy, -dy])

    def made(x: Any, dy: Any) -> Any:
        y, cache = layer.forward(params, x, context)
        return y, layer.backward(params, cache, dy, context)

    def step(number: Any, _: Any) -> Any:  # other rows than before, so that no step is taken out of the loop
        return made(*(jax.lax.dynamic_index_in_dim(each, number % 2, keepdims=False) for each in both))

    start = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(made, x, dy))
    loop = jax.jit(lambda steps: jax.lax.fori_loop(0, steps, step, start))
    return lambda steps: jax.block_until_ready(loop(steps)) and None


def bpframe_net(name: str, engine: str) -> Run:
    """Epochs of `Trainer.fit`."""
    import bpframe as bp

    (shape, parts, batch), layers = NETS[name], bp.layers
    made = {
        "conv": lambda f, k, s: layers[f"conv{len(shape) - 2}d"](f, k, s, padding="same"),
        "relu": lambda: layers.activation("relu"),
        "pool": lambda: layers[f"max_pool{len(shape) - 2}d"](),
        "flatten": lambda: layers.flatten(),
        "dense": lambda units: layers.dense(units),
    }
    network = bp.Network([made[part](*settings) for part, settings in parts])
    trainer = bp.Trainer(network, "softmax_cross_entropy", "adam", engine=engine, metrics=[])
    x, y = labelled(shape)
    return lambda epochs: trainer.fit(x, y, epochs=epochs, batch_size=batch, verbose=0) and None


# ------------------------------------------------------------------------------------------------------------- peers


def torch_layer(case: Case) -> Run:
    """A module of PyTorch, eager, with oneDNN where it takes that."""
    import torch

    torch.set_num_threads(1)
    module = eval(case.torch, {"nn": torch.nn})
    rows = case.rows() if case.layer in ("gru", "lstm", "attention") else np.moveaxis(case.rows(), -1, 1)
    x = torch.tensor(np.ascontiguousarray(rows), requires_grad=True)
    arguments, settings = ((x, x, x), {"need_weights": False}) if case.layer == "attention" else ((x,), {})
    parameters = [x, *module.parameters()]

    def forward() -> Any:
        y = module(*arguments, **settings)
        return y[0] if isinstance(y, tuple) else y

    dy = torch.randn_like(forward())

    def run(steps: int) -> None:
        for _ in range(steps):
            torch.autograd.grad(forward(), parameters, dy)

    return run


def torch_net(name: str) -> Run:
    """Epochs of a loop written by hand."""
    import torch

    torch.set_num_threads(1)
    (shape, parts, batch), nn, c, layers = NETS[name], torch.nn, NETS[name][0][-1], []
    for part, settings in parts:
        if part == "conv":
            convolution = nn.Conv2d if len(shape) == 4 else nn.Conv1d
            layers.append(convolution(c, settings[0], settings[1], settings[2], settings[1] // 2))
            c = settings[0]
        elif part == "dense":
            layers.append(nn.LazyLinear(*settings))
        else:
            layers.append({"relu": nn.ReLU, "pool": lambda: nn.MaxPool2d(2), "flatten": nn.Flatten}[part]())
    network, (x, y) = nn.Sequential(*layers), labelled(shape)
    rows, labels = torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1))), torch.tensor(y)
    network(rows[:1])
    optimizer = torch.optim.Adam(network.parameters())

    def run(epochs: int) -> None:
        for _ in range(epochs):
            for chosen in torch.randperm(len(rows)).split(batch):
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(rows[chosen]), labels[chosen]).backward()
                optimizer.step()

    return run


def keras_net(name: str) -> Run:
    """Epochs of `Model.fit` of Keras on JAX."""
    import os

    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    (shape, parts, batch), layers = NETS[name], keras.layers
    convolution = layers.Conv2D if len(shape) == 4 else layers.Conv1D
    made = {
        "conv": lambda f, k, s: convolution(f, k, strides=s, padding="same"),
        "relu": layers.ReLU,
        "pool": layers.MaxPooling2D,
        "flatten": layers.Flatten,
        "dense": layers.Dense,
    }
    network = keras.Sequential([keras.Input(shape[1:]), *(made[part](*settings) for part, settings in parts)])
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = labelled(shape)
    return lambda epochs: network.fit(x, y, batch_size=batch, epochs=epochs, verbose=0) and None


def prepare(library: str, name: str) -> Run:
    """A case in a library: "numpy" and "jax" are engines of this one, "torch" and "keras" its peers."""
    if name in NETS:
        makers: dict[str, Callable[[], Run]] = {"torch": lambda: torch_net(name), "keras": lambda: keras_net(name)}
        return makers[library]() if library in makers else bpframe_net(name, library)
    return {"numpy": numpy_layer, "jax": jax_layer, "torch": torch_layer}[library](CASES[name])
