"""A process lock on a run folder, or on another file: one process at a time trains there, or writes it.

The file `training.pid` of a folder is locked while a process trains, and names that process. The operating system
releases the lock when the process ends, however it ends, so no stale lock remains. (`run.lock.toml` is something else:
the versions of the code of a run.)
"""

from __future__ import annotations

import errno
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from bpframe.errors import ConfigError
from bpframe.runs.folder import RunFolder
from bpframe.saving.atomic import reraise_as_checkpoint_error

HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}  # after other errors there are no locks at all
LOCK_OFFSET = 2**30  # behind the content, so that others can read that


@contextmanager
def process_lock(folder: RunFolder) -> Iterator[None]:
    """Hold the lock of the folder inside the block; ConfigError if another process has it."""

    def refusal(holder: str) -> str:
        return (
            f"{folder.path} needs one process at a time, but {holder} is training there. Wait until it ends, or "
            "choose another --name."
        )

    with file_lock(folder.training, refusal):
        yield


@contextmanager
def file_lock(file: Path, refusal: Callable[[str], str]) -> Iterator[None]:
    """Hold the lock that a file stands for; ConfigError with what `refusal` says of another process that has it."""
    with reraise_as_checkpoint_error(file):
        descriptor = _acquire(file)
    if isinstance(descriptor, str):
        raise ConfigError(refusal(descriptor))
    try:
        yield
    finally:
        if os.name == "posix":  # elsewhere an open file cannot be removed
            with suppress(OSError):
                file.unlink()
        os.close(descriptor)


def is_locked(folder: RunFolder) -> bool:
    """Whether a process trains there."""
    if not folder.training.exists():
        return False
    try:
        with process_lock(folder):
            return False
    except ConfigError:
        return True


def _acquire(file: Path) -> int | str:
    """A descriptor of the locked file, or a text that names the process that has the lock.

    The file may have been removed between opening and locking: then try again.
    """
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        with ExitStack() as closing:
            closing.callback(os.close, descriptor)
            if not _try_lock(descriptor):
                return _holder(descriptor)
            if _is_current_file(file, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()} on {platform.node()}".encode())
                closing.pop_all()
                return descriptor


def _try_lock(descriptor: int) -> bool:
    """Whether the lock was acquired; True also where the file system has no locks."""
    try:
        _lock(descriptor)
    except OSError as error:
        return error.errno not in HELD
    return True


def _lock(descriptor: int) -> None:
    """Lock the file; OSError if another process, or another descriptor of this one, has the lock."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, LOCK_OFFSET, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_current_file(file: Path, descriptor: int) -> bool:
    """Whether the lock file is still the one that was opened; a process removes its lock file when it ends."""
    try:
        return os.path.samestat(os.stat(file), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, 200).decode("utf-8", "replace")
    return text if text and text.isprintable() else "another process"
