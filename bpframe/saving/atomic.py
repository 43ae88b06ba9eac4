"""Files that are whole or not there, and stay after a loss of power once they are written.

    folder opened | temporary file beside the target: created, written, fsync | rename onto the target | fsync of folder

Whatever fails before the rename leaves the old file, whatever fails after it the new one, and neither a temporary.
Only a writer that is killed cannot clear up; `sweep` does that for it.
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
TEMPORARY = re.compile(r"\..+\.tmp-[0-9]+-[0-9a-f]{8}", re.DOTALL)  # names of ours, and of nobody else
UNSUPPORTED = {errno.EBADF, errno.EINVAL}  # the file system has no fsync for folders; PostgreSQL passes over both, too


def replace(target: Path, parts: Iterable[memoryview]) -> None:
    """Writes beside the target, then renames: no moment at which the target is half a file.

    OSError or CheckpointError if that fails; what stands at the target is then a whole file, old or new.
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
            _settle(descriptor)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What fails inside, in the file system or for lack of memory, becomes a CheckpointError that names the path."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{path} cannot be written: {error}") from error
    except (OSError, ValueError, MemoryError) as error:
        reason = str(error) or "no memory is left"
        raise CheckpointError(f"{path} cannot be written: {reason}. Check the folder and the space left.") from error


def keep_latest(folder: Path, pattern: str, keep: int) -> None:
    """Removes all but the last `keep` files of that pattern, in the order of their names; OSError if that fails."""
    for old in sorted(folder.glob(pattern))[:-keep]:
        old.unlink()


def sweep(folder: Path) -> list[Path]:
    """Removes the temporary files that killed writers left in the folder, and names them; OSError if that fails.

    Only for a folder to which nobody else is writing: the temporary of a living writer would go, too.
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
    """A new file of these parts, on the disk on return; if it fails, or is interrupted, the file may be left."""
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


def _settle(folder: int) -> None:
    """Makes a rename in the folder outlive a loss of power."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise OSError(f"the new file is whole, but a loss of power may undo it: {error}") from error
