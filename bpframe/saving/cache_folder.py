"""The user's folder for caches, as the system names it."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """bpframe's own part of it: what is in there can be made again."""
    places = {"win32": os.environ.get("LOCALAPPDATA"), "darwin": "~/Library/Caches"}
    place = places.get(sys.platform, os.environ.get("XDG_CACHE_HOME")) or "~/.cache"
    return Path(place).expanduser() / "bpframe"
