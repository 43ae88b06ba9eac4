"""The direct URL of a distribution (PEP 610): where it came from, if not from an index."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from importlib.metadata import Distribution


def direct_url(dist: Distribution) -> Mapping[str, Any]:
    """direct_url.json, the record of a distribution that did not come from an index; empty for others."""
    try:
        direct = json.loads(dist.read_text("direct_url.json") or "{}")
    except ValueError:
        return {}
    return direct if isinstance(direct, Mapping) else {}


def source_folder(direct: Mapping[str, Any]) -> Path | None:
    """The folder from which a distribution was installed to be edited there; None for others."""
    info = direct.get("dir_info")
    parts = urlsplit(str(direct.get("url", "")))
    if not isinstance(info, Mapping) or not info.get("editable") or parts.scheme != "file":
        return None
    return Path(unquote(parts.path).removeprefix("/" if os.name == "nt" else ""))  # file:///C:/folder
