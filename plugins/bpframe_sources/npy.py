"""NumPy arrays in files of their own (.npy)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, ClassVar, final

import numpy as np

from bpframe.plugin import DataError, HostArray


@final
@dataclass(frozen=True)
class Npy:
    """The array `x` of np.save; y is in the file beside it whose name ends in y instead: train_x.npy, train_y.npy."""

    suffixes: ClassVar[tuple[str, ...]] = (".npy",)
    arrays: ClassVar[bool] = True

    def read(self, file: BinaryIO) -> Mapping[str, HostArray]:
        """The file's array as `x`."""
        return {"x": read_array(file)}

    def target_file(self, path: Path) -> Path:
        """NAME_y.npy for NAME_x.npy."""
        cut = path.name.lower().rfind(".npy")
        if path.name[cut - 1 : cut] != "x":
            raise DataError(f"needs a name that ends in x, got '{path.name}'. Use NAME_x.npy and NAME_y.npy.")
        return path.with_name(f"{path.name[: cut - 1]}y{path.name[cut:]}")

    def example(self) -> tuple[bytes, Mapping[str, HostArray]]:
        """A small file, and its array."""
        file, x = io.BytesIO(), np.arange(6.0).reshape(3, 2)
        np.save(file, x)
        return file.getvalue(), {"x": x}


def read_array(file: IO[bytes]) -> HostArray:
    """The array that begins here and ends with the file; ValueError for objects, which would be unpickled."""
    values: HostArray = np.lib.format.read_array(file, allow_pickle=False)
    if file.read(1):  # reading to the end also makes an archive compare its checksum
        raise ValueError("bytes are left over after the array")
    return values
