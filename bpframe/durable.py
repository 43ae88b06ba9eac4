"""Files that are whole or not there, and stay after a loss of power once they are written."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from bpframe.errors import CheckpointError

BINARY = getattr(os, "O_BINARY", 0)  # Windows only


def replace(target: Path, parts: Iterable[memoryview]) -> None:
    """Writes beside the target, then renames: no moment at which the target is half a file."""
    if os.path.lexists(target) and not stat.S_ISREG(os.lstat(target).st_mode):
        raise CheckpointError("a file replaces regular files only. Give another path.")
    temporary = target.with_name(f".{target.name}.tmp-{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o666)
    try:
        try:
            for part in parts:
                _write_all(descriptor, part)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(target.parent)


def _write_all(descriptor: int, part: memoryview) -> None:
    while part:
        written = os.write(descriptor, part)
        if not written:
            raise OSError("the disk takes no more bytes")
        part = part[written:]


def _sync_folder(folder: Path) -> None:
    """Makes a rename in the folder outlive a loss of power; Windows cannot and need not open folders."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
