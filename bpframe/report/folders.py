"""Folders of absolute paths, which a report leaves out."""

from __future__ import annotations

import ntpath
import posixpath
from collections.abc import Mapping
from typing import Any


def without_folders(value: Any) -> Any:
    """Tables without the folders of absolute paths: of those the names of files alone."""
    if isinstance(value, Mapping):
        return {key: without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_folders(item) for item in value]
    if not isinstance(value, str) or not (posixpath.isabs(value) or ntpath.isabs(value)):
        return value
    return ntpath.basename(value.rstrip("/\\")) or value
