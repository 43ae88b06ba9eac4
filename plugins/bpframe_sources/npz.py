"""Archives of NumPy arrays (.npz)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, final

import numpy as np

from bpframe.plugin import HostArray
from bpframe_sources.npy import read_array


@final
@dataclass(frozen=True)
class Npz:
    """The arrays `x` and `y` of np.savez; the others, and objects, are never read."""

    suffixes: ClassVar[tuple[str, ...]] = (".npz",)
    arrays: ClassVar[bool] = True

    def read(self, file: BinaryIO) -> Mapping[str, HostArray]:
        """The arrays by name, each read when it is looked up."""
        return Archive(file)

    def example(self) -> tuple[bytes, Mapping[str, HostArray]]:
        """A small file, and its arrays."""
        file, x, y = io.BytesIO(), np.arange(6.0).reshape(3, 2), np.array([0, 1, 0])
        np.savez(file, x=x, y=y)
        return file.getvalue(), {"x": x, "y": y}


class Archive(Mapping[str, HostArray]):
    """The arrays of an archive, read when they are looked up."""

    def __init__(self, file: BinaryIO) -> None:
        from zipfile import ZipFile  # only here: it loads a dozen modules

        self._archive = ZipFile(file)

    def __getitem__(self, name: str) -> HostArray:
        with self._archive.open(f"{name}.npy") as member:
            return read_array(member)

    def __iter__(self) -> Iterator[str]:
        return (name.removesuffix(".npy") for name in self._archive.namelist())

    def __len__(self) -> int:
        return len(self._archive.namelist())

    def __contains__(self, name: object) -> bool:
        return name in list(self)
