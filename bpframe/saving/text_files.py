"""Text and JSON as files that are whole or not there."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from bpframe.saving import atomic
from bpframe.saving.atomic import told

__all__ = ["to_json", "told", "write"]


def write(path: Path, content: str | bytes) -> None:
    """Put `content` at `path`: an old file stays until the new one is whole. CheckpointError where that fails."""
    with told(path):
        atomic.replace(path, [memoryview(content.encode() if isinstance(content, str) else content)])


def to_json(value: Any) -> str:
    """JSON on one line; a number that is not finite, for which JSON has no word, is null."""
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
