"""Writes bpframe/data/sources/digits.npz from the copy of the digits that scikit-learn carries.

usage: python tests/golden/make_digits.py
x uint8 (1797, 64), y uint8 (1797,): the values are small whole numbers, so that a byte each holds them exactly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

HOME = Path(__file__).resolve().parents[2] / "bpframe" / "data" / "sources" / "digits.npz"


def main(path: Path = HOME) -> None:
    """Writes the archive, after a check that no value is lost in a byte."""
    x, y = load_digits(return_X_y=True)
    packed = {"x": x.astype(np.uint8), "y": y.astype(np.uint8)}
    assert np.array_equal(packed["x"], x)
    assert np.array_equal(packed["y"], y)
    np.savez_compressed(path, **packed)


if __name__ == "__main__":
    main()
