"""Writes plugins/bpframe_optimizers/golden_paths.npz, which the conformance kit compares bundled rules with.

The paths of array_optimizers.npz that one parameter takes alone: of the weight (4, 3), in the rules for whole
parameters and around rules; of weight and bias in one vector (15,), in the rule whose sums run over the model.
usage: python tests/golden/make_kit_paths.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
FILE = HERE.parents[1] / "plugins" / "bpframe_optimizers" / "golden_paths.npz"
STEPS = 12  # among them one gradient of 0 and one that is large
OF_WEIGHT = (
    "lars",
    "lamb",
    "adafactor",
    "adafactor_relative",
    "sm3",
    "muon",
    "muon_match_rms_adamw",
)
PREDICTING = ("ema", "lookahead", "schedule_free_sgd", "schedule_free_adamw")  # with other parameters
OF_ALL = ("prodigy", "prodigy_safeguarded")


def kit_paths() -> dict[str, np.ndarray]:
    """The arrays of the file."""
    arrays = np.load(HERE / "array_optimizers.npz")

    def vector(name: str) -> np.ndarray:
        parts = [arrays[f"{name}/{part}"] for part in ("weight", "bias")]
        rows = STEPS if parts[0].ndim == 3 else 1
        return np.concatenate([part[:rows].reshape(rows, -1) for part in parts], axis=1)

    start = np.concatenate([arrays[f"start/{part}"].reshape(-1) for part in ("weight", "bias")])
    made = {"start": arrays["start/weight"], "gradients": arrays["gradients/weight"][:STEPS]}
    made |= {name: arrays[f"{name}/weight"][:STEPS] for name in (*OF_WEIGHT, *PREDICTING)}
    made |= {f"{name}.x": arrays[f"{name}.x/weight"][:STEPS] for name in PREDICTING}
    made |= {"all/start": start, "all/gradients": vector("gradients")}
    return made | {f"all/{name}": vector(name) for name in OF_ALL}


if __name__ == "__main__":
    np.savez_compressed(FILE, **kit_paths())
