#!/usr/bin/env bash
# jax 0.10.2, CPU: gradients of a channels-last convolution are some twenty times slower inside fori_loop.
#
# Behaviour: twenty steps that move a 3x3 kernel (16 to 32 channels, 32 images of 16x16, NHWC, HWIO, float32) down its
# gradient take some 40 times longer as one jitted fori_loop than as twenty calls of the jitted step; steps that move the
# images some 20 times. The convolution forward takes the same time either way.
#
# Most expect: several steps in one compiled loop are at least as fast as a call a step. It is known that channels-first
# convolutions are slow inside loops, and advice is to put channels last; in training that does not help.
#
# Output seen (2026-11-30, Python 3.11, two cores; the ratios move, but not past these bounds):
#
#     forward: loop at most 3 times as long as calls: True
#     gradient by the image: loop at least 4 times as long as calls: True
#     gradient by the kernel: loop at least 10 times as long as calls: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

"$folder/env/bin/python" - > "$folder/seen" <<'PYTHON'
import time

import jax
import numpy as np
from jax import lax

draw = np.random.default_rng(0)
images = draw.normal(size=(32, 16, 16, 16)).astype(np.float32)
kernel = 0.01 * draw.normal(size=(3, 3, 16, 32)).astype(np.float32)

def convolution(kernel, images):
    return lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

def half_square(kernel, images):
    return (convolution(kernel, images) ** 2).mean()

def forward(kernel, images):
    return kernel + 1e-9 * convolution(kernel, images).mean(), images

def by_image(kernel, images):
    return kernel, images - 0.1 * jax.grad(half_square, 1)(kernel, images)

def by_kernel(kernel, images):
    return kernel - 0.1 * jax.grad(half_square, 0)(kernel, images), images

def seconds(function):
    jax.block_until_ready(function(kernel, images))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        jax.block_until_ready(function(kernel, images))
        times.append(time.perf_counter() - start)
    return min(times)

def ratio(step):
    call = jax.jit(step)

    def calls(*arrays):
        for _ in range(20):
            arrays = call(*arrays)
        return arrays

    loop = jax.jit(lambda *arrays: lax.fori_loop(0, 20, lambda _, a: step(*a), arrays))
    return seconds(loop) / seconds(calls)

print("forward: loop at most 3 times as long as calls:", ratio(forward) <= 3)
print("gradient by the image: loop at least 4 times as long as calls:", ratio(by_image) >= 4)
print("gradient by the kernel: loop at least 10 times as long as calls:", ratio(by_kernel) >= 10)
PYTHON
cat "$folder/seen"

diff "$folder/seen" - > "$folder/change" <<'EXPECTED' || { echo "This has changed:"; cat "$folder/change"; exit 1; }
forward: loop at most 3 times as long as calls: True
gradient by the image: loop at least 4 times as long as calls: True
gradient by the kernel: loop at least 10 times as long as calls: True
EXPECTED
