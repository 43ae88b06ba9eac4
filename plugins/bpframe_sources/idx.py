"""IDX files, as those of MNIST."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO, ClassVar, final

import numpy as np

from bpframe.plugin import DataError, HostArray

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
AXES = 32  # most axes of an array
NAMES = (("images", "labels"), ("idx3", "idx1"))  # parts of names of files with x, and of those with y


@final
@dataclass(frozen=True)
class Idx:
    """The array of an IDX file as `x`; y is in the file beside it that is called labels instead of images.

    train-images-idx3-ubyte.gz goes with train-labels-idx1-ubyte.gz. Such names do not end as files of a kind do, so
    configs name the source: { name = "idx", path = "train-images-idx3-ubyte.gz" }. Images are (N, height, width);
    layers over space need a channel behind them: reshape.
    Source: LeCun, Cortes and Burges, The MNIST database: the format's description.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".idx", ".idx1-ubyte", ".idx3-ubyte")
    arrays: ClassVar[bool] = True

    def read(self, file: BinaryIO) -> Mapping[str, HostArray]:
        """The file's array as `x`, in its own type."""
        zeros, code, axes = struct.unpack(">HBB", _exactly(file, 4, "a header"))
        if zeros or code not in TYPES or not 0 < axes <= AXES:
            raise DataError(
                f"needs an IDX file, which begins with 0, 0, a type and a number of axes, got {zeros >> 8}, "
                f"{zeros & 255}, {code}, {axes}."
            )
        shape = struct.unpack(f">{axes}I", _exactly(file, 4 * axes, "its lengths"))
        dtype = np.dtype(TYPES[code])
        content = _exactly(file, prod(shape) * dtype.itemsize, f"numbers for the shape {shape} that its header says")
        if file.read(1):
            raise DataError(f"needs to end with its numbers, shape {shape}, got more bytes. Write it anew.")
        return {"x": np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))}

    def target_file(self, path: Path) -> Path:
        """The name with labels for images, and idx1 for idx3."""
        if "images" not in path.name:
            raise DataError(f"needs a name with 'images', beside one with 'labels', got '{path.name}'. Rename both.")
        name = path.name
        for of_x, of_y in NAMES:
            name = name.replace(of_x, of_y)
        return path.with_name(name)

    def example(self) -> tuple[bytes, Mapping[str, HostArray]]:
        """A small file, and its array."""
        x = np.arange(12, dtype=np.int16).reshape(2, 3, 2) - 300
        return struct.pack(">HBB3I", 0, 0x0B, 3, *x.shape) + x.astype(">i2").tobytes(), {"x": x}


def _exactly(file: BinaryIO, count: int, what: str) -> bytes:
    """So many bytes, read in pieces: a header may claim what no file holds."""
    parts = []
    while count and (part := file.read(min(count, 1 << 24))):
        parts.append(part)
        count -= len(part)
    if count:
        raise DataError(f"needs {what}, but {count} bytes of it are missing. Load it again.")
    return b"".join(parts)
