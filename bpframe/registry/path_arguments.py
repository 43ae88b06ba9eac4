"""Path arguments: which texts in a specification name a place, and the block in which none of them is taken.

A file that comes from elsewhere describes components. What they are told to read, write or delete is for the program
to say that opens the file, so while components of a file are built no text of it may name a place. Paths that the
program gives are objects of `pathlib`, which no file can hold.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from bpframe.registry.annotations import Wanted, is_option
from bpframe.registry.constructor import Component, wants
from bpframe.registry.policy import CORE
from bpframe.registry.provider import Provider

ANNOTATIONS = re.compile(r"\b(PathLike|Path|PurePath|PosixPath|StrPath|FilePath|DirectoryPath|IO|TextIO)\b")
NAMES = re.compile(  # of arguments that hold places, whatever their annotation
    r"(^|_)(\w*path|\w*dir|paths|dirs|folders?|director(y|ies)|files?|filenames?|cache|root|socket|ur[li])(_|$)", re.I
)
PLACE = re.compile(r"[/\\~]|\.{1,2}[/\\]|[A-Za-z]:[/\\]|[A-Za-z][\w+.-]*://")  # absolute, of home, relative, drive, URL
ACTIVE = ("callback", "engine")  # kinds that act on the world, where any text that may name a file counts
CURVE = re.compile(r"(train|validation)\.[^/\\]*")
FILE = re.compile(r"[/\\]|\.\w+$")  # a separator, or a suffix
OWN = (os.PathLike, bool, type(None))  # values that are a program's own path, or none

_reading_file: ContextVar[bool] = ContextVar("_reading_file", default=False)


@contextmanager
def no_paths() -> Iterator[None]:
    """A block, of this thread alone, in which specifications with paths are refused."""
    token = _reading_file.set(True)
    try:
        yield
    finally:
        _reading_file.reset(token)


def paths_to_refuse(provider: Provider, component: Component, arguments: Mapping[str, Any]) -> list[str]:
    """The names of arguments that name a place, in a block of `no_paths`; none elsewhere."""
    return path_arguments(provider, component, arguments) if _reading_file.get() else []


def path_arguments(provider: Provider, component: Component, arguments: Mapping[str, Any]) -> list[str]:
    """The names of those arguments of a specification that name a place, objects of `pathlib` aside."""
    given = {name: (want, arguments[name]) for name, want in wants(component).items() if name in arguments}
    declared = [name for name, (want, value) in given.items() if is_path(want) and not isinstance(value, OWN)]
    if provider.dist == CORE:  # bpframe's own components declare every path
        return declared
    return [name for name, item in given.items() if name in declared or _names_place(provider.kind, name, *item)]


def is_path(want: Wanted) -> bool:
    """Whether an annotation asks for a path."""
    return any(map(ANNOTATIONS.search, want.alternatives))


def _names_place(kind: str, name: str, want: Wanted, value: object) -> bool:
    """Whether a value that is not declared a path names a place all the same: by the argument's name, or its text."""
    if want.kind or want.kind_of_items or is_option(want, value):  # specifications, and texts of a closed list
        return False
    texts = list(_texts(value))
    if NAMES.search(name):
        return bool(texts)
    return any(PLACE.match(text) or (kind in ACTIVE and _may_be_file(text)) for text in texts)


def _may_be_file(text: str) -> bool:
    return FILE.search(text) is not None and not CURVE.fullmatch(text)


def _texts(value: object) -> Iterator[str]:
    """Every text in a value as a file can hold it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from (*_texts(key), *_texts(item))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
