"""Images as large as those of CIFAR-10 for shapes.toml: `python shapes.py` writes 10,000 of 32 x 32 with 3 channels.

Ten figures of any colour, size and place, on grounds of another colour, with noise. Shapes: x uint8 (N, 32, 32, 3),
y (N,) the number of the figure.
"""

from __future__ import annotations

import numpy as np

SIZE = 32
FIGURES = ("disc", "ring", "square", "frame", "triangle", "cross", "plus", "stripes", "checks", "diamond")


def figure(name: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Which cells belong to a figure of radius 1, at places (u, v) seen from its middle."""
    far, wide, sum_ = np.hypot(u, v), np.maximum(abs(u), abs(v)), abs(u) + abs(v)
    inside = wide < 0.9
    cells = {
        "disc": far < 1,
        "ring": (far < 1) & (far > 0.6),
        "square": inside,
        "frame": inside & (wide > 0.5),
        "triangle": (v < 0.8) & (v > 2 * abs(u) - 1),
        "cross": inside & (abs(abs(u) - abs(v)) < 0.35),
        "plus": inside & (np.minimum(abs(u), abs(v)) < 0.3),
        "stripes": inside & (np.floor(3 * v) % 2 == 0),
        "checks": inside & ((np.floor(2 * u) + np.floor(2 * v)) % 2 == 0),
        "diamond": sum_ < 1.1,
    }
    return cells[name]


def images(count: int, seed: int) -> dict[str, np.ndarray]:
    """So many images and the numbers of their figures."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(FIGURES), count)
    x = np.empty((count, SIZE, SIZE, 3), np.uint8)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for i in range(count):
        radius = rng.uniform(6, 12)
        top, left = rng.uniform(radius, SIZE - radius, 2)
        cells = figure(FIGURES[y[i]], (columns - left) / radius, (rows - top) / radius)
        ground, ink = rng.uniform(0, 255, (2, 3))
        while abs(ground - ink).sum() < 150:  # too alike to be seen
            ink = rng.uniform(0, 255, 3)
        clean = np.where(cells[:, :, None], ink, ground)
        x[i] = np.clip(clean + rng.normal(0, 25, clean.shape), 0, 255)
    return {"x": x, "y": y}


def main() -> None:
    """Writes the files."""
    np.savez("shapes-train.npz", **images(8000, 0))
    np.savez("shapes-test.npz", **images(2000, 1))


if __name__ == "__main__":
    main()
