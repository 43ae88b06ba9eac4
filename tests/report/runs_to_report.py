"""Runs to report, whose columns, classes and names hold markup."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from tests.cli.commands import good

COLUMNS = ["<b class=planted>width</b>", "</script><i class=planted>", "noise & \"more\" 'so'"]
CLASSES = ["<u class=planted>red</u>", "{{green}}", "blue</td>"]
NAMES = ["<b class=planted>one", "two<!--<script>", "three&lt;"]
CONFIG = """\
loss = "softmax_cross_entropy"
optimizer = { name = "adam", lr = 0.01 }
[data]
source = "rows.csv"
target = "kind"
standardize = true
validation = { fraction = 0.2 }
test = { fraction = 0.25 }
[[model.layers]]
name = "dense"
units = 8
activation = "tanh"
label = "<s class=planted>hidden<s>"
[[model.layers]]
name = "dense"
units = 3
[train]
epochs = 12
"""
NUMBERS = """\
loss = "mse"
optimizer = "adam"
[data]
source = { name = "noisy_sine", points = 80 }
test = { fraction = 0.25 }
[[model.layers]]
name = "dense"
units = 8
activation = "tanh"
[[model.layers]]
name = "dense"
units = 1
[train]
epochs = 5
"""


def write_rows(file: Path) -> None:
    """Rows whose class follows from the first two columns."""
    x = np.random.default_rng(0).normal(size=(160, 3)).round(3)
    kinds = np.where(x[:, 0] > 0.4, 0, np.where(x[:, 1] > 0, 1, 2))
    quoted = ['"' + name.replace('"', '""') + '"' for name in [*COLUMNS, "kind"]]
    lines = [",".join([*map(str, row), CLASSES[kind]]) for row, kind in zip(x.tolist(), kinds.tolist(), strict=True)]
    file.write_text("\n".join([",".join(quoted), *lines]) + "\n")


def train_hostile(folder: Path) -> list[Path]:
    """Three seeds of a config in `folder`, which is the present one; their run folders."""
    write_rows(folder / "rows.csv")
    (folder / "hostile.toml").write_text(CONFIG)
    for seed, name in enumerate(NAMES):
        good("train", "hostile.toml", "--quiet", "--name", name, "--set", f"train.seed={seed}")
    return [folder / "runs" / name for name in NAMES]


def long_runs(folder: Path, config: str, runs: int, epochs: int) -> Path:
    """A folder of runs of a config, one trained and given other seeds, with noisy curves, four and the rate each."""
    good("train", config, "--quiet", "--name", "first", "--runs", str(folder / "trained"))
    for seed in range(runs):
        run = folder / f"long/run-{seed}"
        shutil.copytree(folder / "trained/first", run)
        text = (run / "config.toml").read_text()
        (run / "config.toml").write_text(text.replace("seed = 0", f"seed = {seed}"))
        values = np.random.default_rng(seed).uniform(0.1, 1, (epochs, 4))
        lines = (
            {"epoch": i + 1, "step": i + 1, "lr": 0.01, "seconds": 0.1}
            | {"train": {"loss": a, "accuracy": b}, "validation": {"loss": c, "accuracy": d}}
            for i, (a, b, c, d) in enumerate(values.tolist())
        )
        (run / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / "long"
