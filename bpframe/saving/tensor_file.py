"""A tensor file: tensors and a JSON manifest in the safetensors format, written atomically, with a checksum.

`__metadata__` holds two texts: "manifest", canonical JSON, and "sha256" over the canonical header without that
digest, followed by the data. Files written by the safetensors library have neither and can be read; so can a file of
ours that has lost both, and callers that need a manifest refuse it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np

from bpframe.errors import CheckpointError
from bpframe.regular_files import open_regular
from bpframe.saving import atomic, safetensors
from bpframe.saving.safetensors import short_repr
from bpframe.types import HostArray

Location = str | os.PathLike[str]


def write_tensors(path: Location, tensors: Mapping[str, HostArray], manifest: Mapping[str, Any]) -> None:
    """Write a new file to `path`, or leave the old one; on return the file survives a loss of power.

    Tensors: bool, integers or floats of 16 to 64 bits, any shape and strides. The manifest goes through JSON: tuples
    become lists, keys become texts. CheckpointError if either cannot be stored or the file cannot be written.
    """
    target = Path(path)
    with atomic.reraise_as_checkpoint_error(target):
        atomic.replace_file(target, _encode(tensors, manifest))


def read_tensors(path: Location) -> tuple[dict[str, HostArray], dict[str, Any]]:
    """(tensors, manifest) of the file: new, writeable arrays in native byte order; {} if it has no manifest.

    CheckpointError, and nothing else, for a file that is missing, damaged, or not of this format.
    """
    try:
        with open_regular(path) as file:
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
        text = safetensors.canonical_json(manifest)
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"the manifest needs plain JSON values: {error}.") from error
    safetensors.parse_json_object(text)  # so that reading will not refuse it
    table, arrays = safetensors.tensor_layout(tensors)
    data = [_bytes(array) for array in arrays]
    metadata = {"manifest": text}
    header = {**table, safetensors.METADATA: metadata}
    metadata["sha256"] = _digest(header, data)
    return [memoryview(safetensors.pack_header(header)), *data]


def _digest(header: Mapping[str, Any], data: Iterable[memoryview]) -> str:
    """sha256 in hex of the canonical header, any digest in it left out, and of the data."""
    metadata = {key: text for key, text in header[safetensors.METADATA].items() if key != "sha256"}
    digest = hashlib.sha256(safetensors.canonical_json({**header, safetensors.METADATA: metadata}).encode())
    for part in data:
        digest.update(part)
    return digest.hexdigest()


def _decode(file: RawIOBase) -> tuple[dict[str, HostArray], dict[str, Any]]:
    """(tensors, manifest); tensors are allocated only after the table is checked against the length of the file."""
    file_size = os.fstat(file.fileno()).st_size
    size = int.from_bytes(_read_into(file, bytearray(safetensors.PREFIX)), "little")
    length = file_size - safetensors.PREFIX - size
    if length < 0 or size > safetensors.MAX_HEADER:
        raise CheckpointError(f"its header needs {size} bytes, got {file_size} in all.")
    header = safetensors.parse_json_object(_read_into(file, bytearray(size)))
    table = {name: fields for name, fields in header.items() if name != safetensors.METADATA}
    stored = {entry.name: _tensor(file, entry) for entry in safetensors.parse_entries(table, length)}
    manifest = _manifest(header, [_bytes(array) for array in stored.values()])
    return {name: array.astype(array.dtype.newbyteorder("="), copy=False) for name, array in stored.items()}, manifest


def _tensor(file: RawIOBase, entry: safetensors.Entry) -> HostArray:
    """The next tensor of the file, in the file's byte order."""
    array = np.empty(entry.shape, entry.dtype)
    _read_into(file, _bytes(array))
    if entry.dtype == np.bool_ and (array.view(np.uint8) > 1).any():
        raise CheckpointError(f"tensor {short_repr(entry.name)} needs bytes 0 and 1 as its truth values, got others.")
    return array


def _bytes(array: HostArray) -> memoryview:
    """The bytes of a C-order array, not copied."""
    return array.reshape(-1).view(np.uint8).data


def _read_into(file: RawIOBase, buffer: Any) -> Any:
    """The buffer, filled with the next bytes of the file."""
    rest = memoryview(buffer)
    while rest:
        count = file.readinto(rest)
        if not count:
            raise CheckpointError(f"it needs {len(rest)} bytes more than it has.")
        rest = rest[count:]
    return buffer


def _manifest(header: Mapping[str, Any], data: Iterable[memoryview]) -> dict[str, Any]:
    """The manifest, after checking the digest; {} for a file without both."""
    metadata = header.get(safetensors.METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise CheckpointError("its metadata need to be texts.")
    if not metadata.keys() & {"manifest", "sha256"}:
        return {}
    digest, wanted = _digest(header, data), metadata.get("sha256")
    if wanted != digest:
        raise CheckpointError(f"its bytes need the digest {short_repr(wanted)}, got '{digest}': they were altered.")
    return safetensors.parse_json_object(metadata.get("manifest", "{}"))
