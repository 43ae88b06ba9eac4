"""Plain safetensors files: tensors by name from any library, without a manifest or a digest."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bpframe.errors import CheckpointError
from bpframe.regular_files import open_regular
from bpframe.saving.safetensors import MAX_HEADER, METADATA, PREFIX, Entry, parse_entries, parse_json_object
from bpframe.types import HostArray


def read_plain_tensors(path: Path) -> dict[str, HostArray]:
    """The tensors of a file by name, in the order of its header; CheckpointError where it is no such file."""
    try:
        with open_regular(path) as file:
            content = file.read()
        size = int.from_bytes(content[:PREFIX], "little")
        if len(content) < PREFIX or not 2 <= size <= min(MAX_HEADER, len(content) - PREFIX):
            raise CheckpointError(f"it needs a header of at most {len(content)} bytes, got {size}.")
        table = parse_json_object(bytearray(content[PREFIX : PREFIX + size]))
        table.pop(METADATA, None)
        data = content[PREFIX + size :]
        entries = {entry.name: entry for entry in parse_entries(table, len(data))}
    except (OSError, CheckpointError) as error:
        raise CheckpointError(f"{path} cannot be read as safetensors: {error}") from error
    return {name: _array(data, entries[name]) for name in table}


def _array(data: bytes, entry: Entry) -> HostArray:
    return np.frombuffer(data[entry.begin : entry.end], entry.dtype).reshape(entry.shape)
