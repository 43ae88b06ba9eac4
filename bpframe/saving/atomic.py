"""Atomic, durable file writes: a file is complete or absent, and survives a loss of power once it is written.

    open folder | create temporary file beside the target, write, fsync | rename it onto the target | fsync folder

A failure before the rename leaves the old file, one after it the new file, and neither leaves a temporary file. Only
a process that is killed cannot clean up; `sweep` does that later.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bpframe.errors import CheckpointError

BINARY = getattr(os, "O_BINARY", 0)  # Windows only
TEMPORARY = re.compile(r"\..+\.tmp-[0-9]+-[0-9a-f]{8}", re.DOTALL)  # names of our temporary files only
UNSUPPORTED = {errno.EBADF, errno.EINVAL}  # the file system has no fsync for folders; PostgreSQL passes over both, too


def replace_file(target: Path, parts: Iterable[memoryview]) -> None:
    """Write a temporary file beside the target, then rename it: the target is never incomplete.

    OSError or CheckpointError if that fails; the target is then the complete old or new file.
    """
    if os.path.lexists(target) and not stat.S_ISREG(os.lstat(target).st_mode):
        raise CheckpointError("a file replaces regular files only. Give another path.")
    with _folder(target.parent) as descriptor:  # first, so that a folder that cannot be opened leaves the old file
        temporary = target.with_name(f".{target.name}.tmp-{os.getpid()}-{secrets.token_hex(4)}")
        try:
            _create(temporary, parts)
            os.replace(temporary, target)
        except FileExistsError:  # it is not ours
            raise
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        if descriptor is not None:
            _fsync_folder(descriptor)


@contextmanager
def reraise_as_checkpoint_error(path: Path) -> Iterator[None]:
    """Re-raise OSError, ValueError and MemoryError as a CheckpointError that names the path."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{path} cannot be written: {error}") from error
    except (OSError, ValueError, MemoryError) as error:
        reason = str(error) or "no memory is left"
        raise CheckpointError(f"{path} cannot be written: {reason}. Check the folder and the space left.") from error


def write_file(path: Path, content: str | bytes) -> None:
    """Write `content` to `path` atomically; CheckpointError if that fails, which leaves the old file."""
    with reraise_as_checkpoint_error(path):
        replace_file(path, [memoryview(content.encode() if isinstance(content, str) else content)])


def keep_latest(folder: Path, pattern: str, keep: int) -> None:
    """Remove all but the last `keep` files of this pattern, in the order of their names; OSError if that fails."""
    for old in sorted(folder.glob(pattern))[:-keep]:
        old.unlink()


def sweep(folder: Path) -> list[Path]:
    """Remove the temporary files that killed processes left in the folder, and return them; OSError if that fails.

    Only for a folder to which no other process is writing: its temporary files would be removed, too.
    """
    left = sorted(path for path in folder.iterdir() if TEMPORARY.fullmatch(path.name) and not path.is_dir())
    for path in left:
        path.unlink()
    return left


@contextmanager
def _folder(path: Path) -> Iterator[int | None]:
    """A descriptor of the folder; None on Windows, which cannot and need not open folders."""
    if os.name != "posix":
        yield None
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        with suppress(OSError):  # nothing was written through it that could be lost
            os.close(descriptor)


def _create(path: Path, parts: Iterable[memoryview]) -> None:
    """Create a file of these parts and fsync it; a failure or an interrupt may leave the file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o666)
    try:
        for part in parts:
            _write_all(descriptor, part)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, part: memoryview) -> None:
    while part:
        written = os.write(descriptor, part)
        if not written:
            raise OSError("the disk takes no more bytes")
        part = part[written:]


def _fsync_folder(folder: int) -> None:
    """Make a rename in the folder survive a loss of power."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise OSError(f"the new file is whole, but a loss of power may undo it: {error}") from error
