"""The folder in which compiled programs outlive a process, where a program asks for one: bounded, and the user's own.

A program is machine code for one processor, so each kind of processor and each version of the compiler has a folder of
its own in it: a home folder may be that of several machines.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bpframe.saving import environment

MOST = 2**28  # bytes of all programs; those that were not used for the longest time go

_roots: list[Path] = []  # the innermost of the blocks that hold


@contextmanager
def programs_in(root: Path | None) -> Iterator[None]:
    """A block in which engines that compile keep programs below a folder, unless they have one of their own."""
    if root is None:
        yield
        return
    _roots.append(root)
    try:
        yield
    finally:
        _roots.remove(root)


def default_folder(compiler: str) -> str | None:
    """The folder of this processor and a `compiler`, named with its version; None outside of such blocks.

    None too where it cannot be made: whoever asks compiles anew.
    """
    if not _roots:
        return None
    here = "\n".join([compiler, *environment.processor()])
    folder = _roots[-1] / hashlib.blake2b(here.encode(), digest_size=8).hexdigest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_oldest(_roots[-1], MOST)
    except OSError:
        return None
    return str(folder)


def remove_oldest(root: Path, most: int) -> None:
    """Remove files below a folder, those read last before all others, until the rest has at most so many bytes."""
    found: list[tuple[float, int, Path]] = []
    for path in root.rglob("*"):
        with suppress(OSError):  # another process may remove it meanwhile
            if path.is_file():
                known = path.stat()
                found.append((max(known.st_atime, known.st_mtime), known.st_size, path))
    held = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if held <= most:
            return
        with suppress(OSError):
            os.unlink(path)
        held -= size
