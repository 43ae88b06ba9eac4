"""The tables of docs/how-to/port-a-training.md, and the small training that most of its lines are compared on."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "port-a-training.md"
LR, ROWS, BATCH, EPOCHS = 0.05, 32, 8, 3
SHAPES = {"dense_1/weight": (4, 5), "dense_1/bias": (5,), "dense_2/weight": (5, 3), "dense_2/bias": (3,)}
UPDATES = 41
QUANTILES = (0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
CURVE = (1.0, 0.9, 0.8999, 0.8998, 0.8997, 0.8, 0.81, 0.82, 0.83, 0.84, 0.85, 0.86, 0.7, 0.69995, 0.6999, 0.71, 0.72)
SLOW = tuple(1 - 0.004 * epoch for epoch in range(20))  # a loss that falls by less than 0.01 an epoch
SKLEARN_STOPS = "MLPClassifier(n_iter_no_change=2, tol=0.01)"
PAIRS = ("Around the optimizer", "Weights of rows and classes", "Layers")  # sections of trainings that are equal
APART = ("Equal names, other numbers", "No setting")  # and of such that are not
Arrays = dict[str, np.ndarray]


def tables(text: str) -> dict[str, list[list[str]]]:
    """The rows of each section's first table, its head first, by heading; a cell that is code without its backticks."""
    found = {}
    for heading, body in re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", text, re.MULTILINE):
        table = re.search(r"(?:^\|.*\n)+", body, re.MULTILINE)
        rows = [line[1:-1].split("|") for line in table[0].splitlines()] if table else []
        found[heading] = [[cell.strip().strip("`") for cell in row] for row in rows if "---" not in row[0]]
    return found


def data() -> tuple[np.ndarray, np.ndarray]:
    """(x (32, 4), classes (32,) of three)."""
    rng = np.random.default_rng(5)
    return rng.normal(size=(ROWS, 4)), np.arange(ROWS) * 7 % 3


def start() -> Arrays:
    """The first parameters of dense(5, tanh), dense(3), weights (in, out)."""
    rng = np.random.default_rng(6)
    return {name: rng.normal(size=shape) * 0.5 for name, shape in SHAPES.items()}


def scores() -> np.ndarray:
    """Scores (5, 3) for losses."""
    return np.random.default_rng(7).normal(size=(5, 3))


def target(loss: str) -> np.ndarray:
    """Targets (5, 3) for the loss that a cell names: one-hot rows, zeros and ones, counts or numbers."""
    name, rng = loss.partition("(")[0], np.random.default_rng(8)
    if name in ("softmax_cross_entropy", "focal", "poly1_cross_entropy", "crammer_singer", "multiclass_hinge"):
        return np.eye(3)[[0, 2, 1, 1, 2]]
    if name in ("sigmoid_cross_entropy", "binary_focal", "hinge", "squared_hinge"):
        return rng.integers(0, 2, (5, 3)).astype(float)
    return rng.poisson(2.0, (5, 3)).astype(float) if name == "poisson" else rng.normal(size=(5, 3))
