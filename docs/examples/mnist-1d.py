"""The data set MNIST-1D for mnist-1d.toml: `pip install mnist1d`, then `python mnist-1d.py` writes its two files.

40 numbers a row, drawn by the package itself, so nothing is downloaded. Shapes: x (N, 40), y (N,) the digits.
Source: Greydanus (2020), Scaling down deep learning, arXiv:2011.14439; the package mnist1d, Apache-2.0.
"""

from __future__ import annotations

import numpy as np
from mnist1d.data import get_dataset_args, make_dataset


def main() -> None:
    """Writes mnist-1d-train.npz, 4000 rows, and mnist-1d-test.npz, 1000."""
    found = make_dataset(get_dataset_args())
    np.savez_compressed("mnist-1d-train.npz", x=found["x"].astype(np.float32), y=found["y"])
    np.savez_compressed("mnist-1d-test.npz", x=found["x_test"].astype(np.float32), y=found["y_test"])


if __name__ == "__main__":
    main()
