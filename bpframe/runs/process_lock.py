"""One process at a time trains in a run's folder.

The file `training.pid` is locked for as long as somebody trains there, and says who. The system gives the lock of a
process back when it ends, however it ends, so that no lock is left over. (`run.lock.toml` is something else: the code
that a run is made of.)
"""

from __future__ import annotations

import errno
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from bpframe.errors import ConfigError
from bpframe.runs.folder import Folder
from bpframe.saving.text_files import told

HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}  # other errors: the file system knows no locks
BEYOND = 2**30  # a place behind the content, which others are to read


@contextmanager
def alone(folder: Folder) -> Iterator[None]:
    """A block in which no other process trains in the folder; ConfigError if one does that now."""
    with told(folder.training):
        found = _locked(folder)
    if isinstance(found, str):
        raise ConfigError(
            f"{folder.path} needs one process at a time, but {found} is training there. Wait until it ends, or choose "
            "another --name."
        )
    try:
        yield
    finally:
        if os.name == "posix":  # elsewhere an open file cannot go
            with suppress(OSError):
                folder.training.unlink()
        os.close(found)


def _locked(folder: Folder) -> int | str:
    """A descriptor of the file, locked, once it is known that nobody has removed the file meanwhile; or who has it."""
    while True:
        descriptor = os.open(folder.training, os.O_RDWR | os.O_CREAT, 0o666)
        with ExitStack() as closing:
            closing.callback(os.close, descriptor)
            if not _taken(descriptor):
                return _holder(descriptor)
            if _is(folder, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()} on {platform.node()}".encode())
                closing.pop_all()
                return descriptor


def _taken(descriptor: int) -> bool:
    """Whether the lock is ours now; also where there are no locks to be had."""
    try:
        _lock(descriptor)
    except OSError as error:
        return error.errno not in HELD
    return True


def _lock(descriptor: int) -> None:
    """OSError if another process, or another place of this one, has the lock."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, BEYOND, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is(folder: Folder, descriptor: int) -> bool:
    """Whether the folder's file is the one that was opened: who ends removes it."""
    try:
        return os.path.samestat(os.stat(folder.training), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    said = os.read(descriptor, 200).decode("utf-8", "replace")
    return said if said and said.isprintable() else "another process"
