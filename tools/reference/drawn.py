"""Arguments with which components are drawn where their defaults, or the lack of them, would show little."""

from __future__ import annotations

from typing import Any

RUN, EPOCH = 1000, 20  # updates

ARGUMENTS: dict[str, dict[str, dict[str, Any]]] = {
    "activation": {"sine": {"omega": 1.0}},
    "loss": {"quantile": {"q": 0.9}, "expectile": {"q": 0.9}, "charbonnier": {"eps": 0.1}},
    "schedule": {
        "cosine_restarts": {"initial": 0.1, "steps": 150, "t_mult": 2},
        "inverse_time": {"initial": 0.1, "rate": 0.01},
        "noam": {"width": 512, "warmup": 200},
        "one_cycle": {"peak": 0.1},
        "piecewise": {"boundaries": (300, 700), "values": (0.1, 0.05, 0.01)},
        "polynomial": {"initial": 0.1, "power": 2.0},
        "reduce_on_plateau": {"schedule": {"name": "constant", "initial": 1.0}, "factor": 0.5, "patience": 5},
        "sequence": {
            "schedules": (
                {"name": "linear", "initial": 0.01, "final": 0.1},
                {"name": "constant", "initial": 0.1},
                {"name": "cosine", "initial": 0.1},
            ),
            "boundaries": (200, 600),
        },
        "step": {"initial": 0.1, "every": 300, "factor": 0.5},
        "triangular": {"initial": 0.01, "peak": 0.1, "every": 250},
        "warmup": {"schedule": {"name": "cosine", "initial": 0.1}, "steps": 200},
        "warmup_stable_decay": {"peak": 0.1, "warmup": 100, "decay": 250},
    },
}
