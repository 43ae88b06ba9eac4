"""Writes tests/golden/mars.npz: the path of a weight by the authors' code of MARS, in float64.

    python tests/golden/make_mars.py FILE

FILE: MARS/optimizers/mars.py of github.com/AGI-Arena/MARS, commit 4831e28; needs torch. Its `update_fn` is given the
first gradient as the previous one of the first step, as the paper has it (x_0 = x_1).
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
SETTINGS = {"lr": 0.02, "wd": 0.1, "beta1": 0.9, "beta2": 0.95, "gamma": 0.3, "eps": 1e-6}


def main(file: str) -> None:
    spec = importlib.util.spec_from_file_location("mars", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    arrays = np.load(HERE / "array_optimizers.npz")
    p = torch.tensor(arrays["start/weight"])
    m, v = torch.zeros_like(p), torch.zeros_like(p)
    gradients = torch.tensor(arrays["gradients/weight"])
    path, last = [], gradients[0]
    other = {"amsgrad": False, "max_exp_avg_sq": 0, "mars_type": "mars-adamw", "is_grad_2d": True}
    vectors = {"optimize_1d": False, "lr_1d_factor": 1.0, "betas_1d": (0.9, 0.95), "weight_decay_1d": 0.1}
    for t, g in enumerate(gradients, start=1):
        module.update_fn(p, g, m, v, last_grad=last, step=t, **SETTINGS, **other, **vectors)
        path.append(p.numpy().copy())
        last = g
    np.savez_compressed(HERE / "mars.npz", weight=np.stack(path))


if __name__ == "__main__":
    main(sys.argv[1])
