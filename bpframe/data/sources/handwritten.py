"""The bundled handwritten digits.  Source and terms: LICENSE-digits.txt beside this file."""

from __future__ import annotations

from io import BytesIO
from pkgutil import get_data

import numpy as np

from bpframe.types import HostArray


def digits() -> tuple[HostArray, HostArray]:
    """x float64 (1797, 64), rows of 8 x 8 images with values 0 .. 16; y int64 (1797,), the digits 0 .. 9.

    Pixels run left to right, then top to bottom; 0 is paper, 16 is ink. Every call reads the file and hands back
    arrays of its own.
    Source: E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository, DOI 10.24432/C50P49, CC BY 4.0.
    """
    file = BytesIO(get_data(__package__, "digits.npz") or b"")  # bpframe may be inside a zip
    with np.load(file, allow_pickle=False) as archive:
        return archive["x"].astype(np.float64), archive["y"].astype(np.int64)
