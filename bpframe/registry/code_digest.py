"""Code digest: SHA-256 as installers record it, so that a file and its record in RECORD compare as texts."""

from __future__ import annotations

import base64
import hashlib

PREFIX = "sha256="


def digest(content: bytes) -> str:
    """ "sha256=" and URL-safe base64 without padding."""
    return f"{PREFIX}{base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()}"
