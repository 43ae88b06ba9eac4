"""Additions of two numbers of up to 3 digits, for addition.toml: `python addition.py` writes what it trains on.

`python addition.py runs/addition` prints of how many unseen pairs the trained model gives the whole sum right.
Shapes: x (N, 7) signs of "123+456" as numbers, y (N, 7) the sum's digits below the last four signs, weight (N, 7).
"""

from __future__ import annotations

import sys

import numpy as np

SIGNS = "0123456789+ "
SUM = slice(3, 7)  # positions below which the sum stands


def additions(pairs: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of so many pairs (N, 2) of numbers."""
    asked = [f"{a:3d}+{b:3d}" for a, b in pairs]
    sums = [f"{a + b:7d}" for a, b in pairs]
    x, y = (np.array([[SIGNS.index(sign) for sign in row] for row in rows], np.uint8) for rows in (asked, sums))
    weight = np.zeros(x.shape)
    weight[:, SUM] = 1.0
    return {"x": x, "y": y, "weight": weight}


def main() -> None:
    """Writes the files, or measures a run."""
    drawn = np.random.default_rng(0).permutation(1_000_000)
    pairs = np.stack([drawn // 1000, drawn % 1000], axis=1)
    train, test = additions(pairs[:40_000]), additions(pairs[40_000:50_000])
    if len(sys.argv) == 1:
        np.savez_compressed("addition-train.npz", **train)
        np.savez_compressed("addition-test.npz", **test)
        return
    import bpframe

    trainer = bpframe.Trainer.load(f"{sys.argv[1]}/model.safetensors")
    right = trainer.predict_labels(test["x"])[:, SUM] == test["y"][:, SUM]
    print(f"{right.all(axis=1).mean():.2%} of {len(right)} sums")


if __name__ == "__main__":
    main()
