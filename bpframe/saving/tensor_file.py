"""Tensors and a manifest in one file that is whole or not there: the safetensors format, written durably.

`__metadata__` holds two texts: "manifest", canonical JSON, and "sha256" over the canonical header without that
digest, followed by the data. Files of the safetensors library carry neither and are read all the same; a file of ours
that has lost both is like them, and whoever needs a manifest refuses it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np

from bpframe.errors import CheckpointError
from bpframe.saving import atomic, safetensors
from bpframe.saving.safetensors import shown
from bpframe.types import HostArray

Location = str | os.PathLike[str]


def write(path: Location, tensors: Mapping[str, HostArray], manifest: Mapping[str, Any]) -> None:
    """Puts a new file at `path`, or leaves what is there; on return it outlives a loss of power.

    Tensors: bool, integers or floats of 16 to 64 bits, any shape and strides. The manifest comes back as JSON keeps
    it: tuples as lists, keys as texts. CheckpointError if either cannot be stored or the disk refuses.
    """
    target = Path(path)
    with atomic.told(target):
        atomic.replace(target, _encode(tensors, manifest))


def read(path: Location) -> tuple[dict[str, HostArray], dict[str, Any]]:
    """(tensors, manifest) of the file: own, writeable arrays in native byte order; {} if it carries no manifest.

    CheckpointError, and nothing else, for a file that is missing, damaged, or not of this format.
    """
    try:
        with open(path, "rb", buffering=0, opener=_open) as file:
            return _decode(file)
    except CheckpointError as error:
        raise CheckpointError(f"{path} cannot be read: {error} Restore it from a copy.") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}. Check its path and permissions.") from error
    except MemoryError as error:
        raise CheckpointError(f"{path} cannot be read: it needs more memory than is left. Free some.") from error


def _encode(tensors: Mapping[str, HostArray], manifest: Mapping[str, Any]) -> list[memoryview]:
    """Header and tensors as bytes in the order of the file."""
    try:
        text = safetensors.dumps(manifest)
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"the manifest needs plain JSON values: {error}.") from error
    safetensors.loads(text)  # whoever reads it will not refuse it
    table, arrays = safetensors.layout(tensors)
    data = [_bytes(array) for array in arrays]
    metadata = {"manifest": text}
    header = {**table, safetensors.METADATA: metadata}
    metadata["sha256"] = _digest(header, data)
    return [memoryview(safetensors.pack(header)), *data]


def _digest(header: Mapping[str, Any], data: Iterable[memoryview]) -> str:
    """sha256 in hex of the canonical header, any digest in it left out, and of the data."""
    metadata = {key: text for key, text in header[safetensors.METADATA].items() if key != "sha256"}
    digest = hashlib.sha256(safetensors.dumps({**header, safetensors.METADATA: metadata}).encode())
    for part in data:
        digest.update(part)
    return digest.hexdigest()


def _open(path: str, flags: int) -> int:
    """A descriptor of a regular file; others are not even opened, which some devices take as a command."""
    _regular(os.stat(path))
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # should a pipe have taken its place: do not wait


def _regular(status: os.stat_result) -> int:
    """The length of a regular file."""
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError("it needs to be a regular file.")
    return status.st_size


def _decode(file: RawIOBase) -> tuple[dict[str, HostArray], dict[str, Any]]:
    """(tensors, manifest); no tensor is allocated before the table is known to fit the file."""
    whole = _regular(os.fstat(file.fileno()))
    size = int.from_bytes(_filled(file, bytearray(safetensors.PREFIX)), "little")
    length = whole - safetensors.PREFIX - size
    if length < 0 or size > safetensors.MAX_HEADER:
        raise CheckpointError(f"its header needs {size} bytes, got {whole} in all.")
    header = safetensors.loads(_filled(file, bytearray(size)))
    table = {name: fields for name, fields in header.items() if name != safetensors.METADATA}
    stored = {entry.name: _tensor(file, entry) for entry in safetensors.entries(table, length)}
    manifest = _manifest(header, [_bytes(array) for array in stored.values()])
    return {name: array.astype(array.dtype.newbyteorder("="), copy=False) for name, array in stored.items()}, manifest


def _tensor(file: RawIOBase, entry: safetensors.Entry) -> HostArray:
    """The next tensor of the file, in the file's byte order."""
    array = np.empty(entry.shape, entry.dtype)
    _filled(file, _bytes(array))
    if entry.dtype == np.bool_ and (array.view(np.uint8) > 1).any():
        raise CheckpointError(f"tensor {shown(entry.name)} needs bytes 0 and 1 as its truth values, got others.")
    return array


def _bytes(array: HostArray) -> memoryview:
    """The bytes of a C-order array, not copied."""
    return array.reshape(-1).view(np.uint8).data


def _filled(file: RawIOBase, buffer: Any) -> Any:
    """The buffer, filled with the next bytes of the file."""
    rest = memoryview(buffer)
    while rest:
        count = file.readinto(rest)
        if not count:
            raise CheckpointError(f"it needs {len(rest)} bytes more than it has.")
        rest = rest[count:]
    return buffer


def _manifest(header: Mapping[str, Any], data: Iterable[memoryview]) -> dict[str, Any]:
    """The manifest, after a check of the digest; {} in a file that has neither."""
    metadata = header.get(safetensors.METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise CheckpointError("its metadata need to be texts.")
    if not metadata.keys() & {"manifest", "sha256"}:
        return {}
    digest, wanted = _digest(header, data), metadata.get("sha256")
    if wanted != digest:
        raise CheckpointError(f"its bytes need the digest {shown(wanted)}, got '{digest}': they were altered.")
    return safetensors.loads(metadata.get("manifest", "{}"))
