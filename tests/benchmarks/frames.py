"""The frames of bpframe and its plugins between `Trainer.fit` and a component, at the first step of a fit in NumPy.

usage: python tests/benchmarks/frames.py

Prints both stacks, to the first layer's `forward` and to the optimizer's `update`, and how many frames each has.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

import bpframe as bp

HOMES = {  # folders of bpframe and of its plugins
    Path(bp.__file__).parent,
    *(
        Path(str(sys.modules[type(part).__module__].__file__)).parent
        for part in (bp.layers.dense(1), bp.optimizers.sgd())
    ),
}


def stack(code: CodeType, run: Callable[[], Any]) -> list[str]:
    """file:function of each own frame from the first function of `run` to the first call of `code`, outermost first."""
    frames: list[str] = []

    def look(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is code and not frames:
            frames.extend(reversed(own(frame)))

    sys.setprofile(look)
    try:
        run()
    finally:
        sys.setprofile(None)
    return frames


def own(frame: FrameType | None) -> list[str]:
    """The own frames from this one outwards."""
    names = []
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        names += [
            f"{file.parent.name}/{file.name}:{frame.f_code.co_qualname}" for home in HOMES if home in file.parents
        ]
        frame = frame.f_back
    return names


def main() -> None:
    """Prints the stacks."""
    x = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
    y = np.arange(32) % 2
    layer, rule = bp.layers.dense(8, activation="tanh"), bp.optimizers.sgd()
    for name, method in (("forward", layer.forward), ("update", rule.update)):
        network = bp.Network([layer, bp.layers.dense(2)])
        trainer = bp.Trainer(network, "softmax_cross_entropy", rule, engine="numpy", metrics=[])
        frames = stack(method.__code__, lambda: trainer.fit(x, y, epochs=1, batch_size=8))  # noqa: B023
        print(f"Trainer.fit to {name}: {len(frames)} frames", *(f"  {frame}" for frame in frames), sep="\n")


if __name__ == "__main__":
    main()
