"""Data sets: bundled digits, generated toy problems, files, sequences of several lengths, and splits.

    from bpframe import datasets

    x, y = datasets.moons(points=400, noise=0.1, seed=1)
    train, test = datasets.split(y, 0.2, "stratified", seed=0)

Shapes: x (N, n) inputs, y (N,) labels or numbers.
"""

from bpframe.data.sources.by_name import load
from bpframe.data.sources.files import read, read_inputs, read_table
from bpframe.data.sources.generators import moons, noisy_sine, spiral, two_clusters, xor
from bpframe.data.sources.handwritten import digits
from bpframe.data.sources.ragged import pad_sequences
from bpframe.data.splits import split

__all__ = [
    "digits",
    "load",
    "moons",
    "noisy_sine",
    "pad_sequences",
    "read",
    "read_inputs",
    "read_table",
    "spiral",
    "split",
    "two_clusters",
    "xor",
]
