"""The digest of an array: it tells the same numbers again."""

from __future__ import annotations

import hashlib

import numpy as np

from bpframe.types import HostArray


def array_digest(array: HostArray) -> str:
    """sha256, the fastest of hashlib's on processors that have instructions for it, of dtype, shape and numbers.

    About 0.5 ms a MB, in the hash itself: in pieces that a cache holds it takes as long as in one call.
    """
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return f"sha256:{digest.hexdigest()}"
