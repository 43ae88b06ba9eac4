"""Own metadata: bpframe's components by its folder of metadata alone, read without importlib.metadata.

That takes as long to import as a fifth of what the first fit of a process needs. Where anything about the folder is
unusual, nothing is said here, and importlib.metadata reads it (`bpframe.registry.metadata_scan`).
"""

from __future__ import annotations

import json
import os
import re
import sys
from functools import partial, reduce
from importlib import import_module
from typing import Any

from bpframe.registry.group_names import GROUPS
from bpframe.registry.policy import CORE, normalise
from bpframe.registry.provider import Provider

FOLDER = re.compile(rf"{CORE}-[^-]+\.dist-info", re.IGNORECASE)
POINTS, METADATA, RECORD, DIRECT = "entry_points.txt", "METADATA", "RECORD", "direct_url.json"
TARGET = re.compile(r"([\w.]+)\s*:\s*([\w.]+)\s*(?:\[.*\])?")


def own_components(root: str) -> list[Provider] | None:
    """The components of the package bpframe in the folder `root`; None where its metadata is not plain."""
    for place in sys.path:
        try:
            folders = [name for name in os.listdir(place or os.curdir) if FOLDER.fullmatch(name)]
        except OSError:
            continue
        if folders:
            texts = _texts(os.path.join(place or os.curdir, folders[0]))
            plain = len(folders) == 1 and texts is not None and _is_of(texts, place or os.curdir, root)
            return _components(texts) if plain and texts is not None else None
    return None


def _texts(folder: str) -> dict[str, str] | None:
    """What the files of metadata say, by name; None where one is a pipe or a device, or cannot be read."""
    texts: dict[str, str] = {}
    for name in (POINTS, METADATA, RECORD, DIRECT):
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            continue
        if not os.path.isfile(path):
            return None
        try:
            with open(path, encoding="utf-8") as file:
                texts[name] = file.read()
        except (OSError, ValueError):
            return None
    return texts if {POINTS, METADATA, RECORD} <= texts.keys() else None


def _is_of(texts: dict[str, str], place: str, root: str) -> bool:
    """Whether it is the metadata of the package in `root`: beside it, or of an editable installation of it."""
    if f"{CORE}/__init__.py" in texts[RECORD]:
        return os.path.realpath(place) == os.path.realpath(root)
    try:
        direct = json.loads(texts.get(DIRECT, "{}"))
        url, editable = direct["url"], direct["dir_info"]["editable"]
        path = url.removeprefix("file://")
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    plain = editable is True and path != url and os.name == "posix" and not set("%?#") & set(path)
    return plain and os.path.realpath(path) == os.path.realpath(root)


def _components(texts: dict[str, str]) -> list[Provider] | None:
    """The components that the entry points name; None for a line that says anything else."""
    headers = _headers(texts[METADATA])
    if headers is None or normalise(headers.get("Name", "")) != CORE:
        return None
    found, group = [], None
    for line in map(str.strip, texts[POINTS].splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1]
        elif line and group in GROUPS:
            name, _, target = (part.strip() for part in line.partition("="))
            if not (TARGET.fullmatch(target) and name.isidentifier()):
                return None
            about = headers.get("Version", "unknown"), target, headers.get("Summary", "")
            found.append(Provider(GROUPS[group], name, CORE, *about, partial(_load, target)))
    return found or None


def _headers(text: str) -> dict[str, str] | None:
    """The headers of METADATA that stand on one line; None where one of ours does not."""
    found: dict[str, str] = {}
    latest = ""
    for line in text.splitlines():
        if not line:
            break
        if line[0] in " \t":
            if latest in ("Name", "Version", "Summary"):
                return None
            continue
        latest, _, value = line.partition(": ")
        found.setdefault(latest, value)
    return found


def _load(target: str) -> Any:
    """The class or function of an entry point."""
    match = TARGET.fullmatch(target)
    assert match is not None  # as it was read
    return reduce(getattr, match[2].split("."), import_module(match[1]))
