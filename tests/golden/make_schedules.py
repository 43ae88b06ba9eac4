"""Writes schedules.json next to this file, for tests/plugins/test_schedules.py: schedules of torch and optax.

usage: python tests/golden/make_schedules.py     (needs torch and optax)
{"values": [{"from", "name", "arguments", "values": one an update}, ...],
 "plateaus": [{"arguments", "curve": one an epoch, "factors": after each}, ...]}; arguments are those of bpframe.
"""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import optax
import torch
from torch.optim import lr_scheduler as of_torch

HOME = Path(__file__).with_name("schedules.json")
STEPS = 48
LR = 0.8
Case = tuple[str, str, dict[str, Any], list[float]]


def torch_values(scheduler: Callable[[Any], Any], lr: float = LR, steps: int = STEPS) -> list[float]:
    """The learning rates of the first updates under a scheduler made for an optimizer."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=lr)
    scheduler, values = scheduler(optimizer), []
    for _ in range(steps):
        values.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return values


def optax_values(schedule: Callable[[int], Any]) -> list[float]:
    """The values of the first updates of a schedule."""
    return [float(schedule(step)) for step in range(STEPS)]


def torch_cases() -> Iterator[Case]:
    """torch's schedulers as bpframe says them."""
    made: list[tuple[str, dict[str, Any], Callable[[Any], Any]]] = [
        ("step", {"every": 7, "factor": 0.3}, lambda o: of_torch.StepLR(o, 7, 0.3)),
        ("exponential", {"every": 1, "factor": 0.9}, lambda o: of_torch.ExponentialLR(o, 0.9)),
        ("polynomial", {"steps": 30, "power": 0.9}, lambda o: of_torch.PolynomialLR(o, 30, 0.9)),
        ("linear", {"initial": 0.1 * LR, "steps": 30, "final": LR}, lambda o: of_torch.LinearLR(o, 0.1, 1.0, 30)),
    ]
    for t_mult in (1, 2, 3):
        settings = {"steps": 5, "t_mult": t_mult, "final": 0.01}
        made.append(
            ("cosine_restarts", settings, lambda o, m=t_mult: of_torch.CosineAnnealingWarmRestarts(o, 5, m, 0.01))
        )
    for name, settings, scheduler in made:
        yield "torch", name, {"initial": LR, **settings}, torch_values(scheduler)
    falling = torch_values(lambda o: of_torch.CosineAnnealingLR(o, 48, 0.02))  # it rises again after them
    yield "torch", "cosine", {"initial": LR, "steps": 48, "final": 0.02}, falling
    jumps = torch_values(lambda o: of_torch.MultiStepLR(o, [4, 9, 30], 0.5))
    settings = {"boundaries": [4, 9, 30], "values": [LR, LR / 2, LR / 4, LR / 8]}
    yield "torch", "piecewise", settings, jumps
    for mode, factor in (("triangular", 1.0), ("triangular2", 0.5)):
        cycles = torch_values(lambda o, m=mode: of_torch.CyclicLR(o, 0.1, LR, 6, mode=m, cycle_momentum=False))
        yield "torch", "triangular", {"initial": 0.1, "peak": LR, "every": 12, "factor": factor}, cycles
    cycle = torch_values(lambda o: of_torch.OneCycleLR(o, LR, 41, pct_start=0.3, cycle_momentum=False), steps=41)
    settings = {"peak": LR, "steps": 40, "pct_start": (0.3 * 41 - 1) / 40}
    yield "torch", "one_cycle", settings, cycle
    parts = torch_values(
        lambda o: of_torch.SequentialLR(
            o, [of_torch.LinearLR(o, 0.1, 1.0, 10), of_torch.ExponentialLR(o, 0.9)], milestones=[10]
        )
    )
    line = {"name": "linear", "initial": 0.1 * LR, "final": LR, "steps": 10}
    fall = {"name": "exponential", "initial": LR, "every": 1, "factor": 0.9}
    yield "torch", "sequence", {"schedules": [line, fall], "boundaries": [10]}, parts


def optax_cases() -> Iterator[Case]:
    """optax's schedules as bpframe says them."""
    made: list[tuple[str, dict[str, Any], Callable[[int], Any]]] = [
        ("constant", {"initial": LR}, optax.constant_schedule(LR)),
        ("step", {"initial": LR, "every": 7, "factor": 0.3}, optax.exponential_decay(LR, 7, 0.3, staircase=True)),
        ("exponential", {"initial": LR, "every": 7, "factor": 0.3}, optax.exponential_decay(LR, 7, 0.3)),
        ("linear", {"initial": LR, "steps": 30, "final": 0.1}, optax.linear_schedule(LR, 0.1, 30)),
        (
            "polynomial",
            {"initial": LR, "steps": 30, "final": 0.1, "power": 2.5},
            optax.polynomial_schedule(LR, 0.1, 2.5, 30),
        ),
        ("cosine", {"initial": LR, "steps": 30, "final": 0.2 * LR}, optax.cosine_decay_schedule(LR, 30, 0.2)),
        (
            "one_cycle",
            {"peak": LR, "steps": 40, "pct_start": 0.25, "div_factor": 10.0, "final_div_factor": 100.0},
            optax.cosine_onecycle_schedule(40, LR, 0.25, 10.0, 100.0),
        ),
        (
            "piecewise",
            {"boundaries": [4, 30], "values": [LR, 0.5 * LR, 0.05 * LR]},
            optax.piecewise_constant_schedule(LR, {4: 0.5, 30: 0.1}),
        ),
        (
            "warmup",
            {
                "schedule": {"name": "cosine", "initial": LR, "steps": 30, "final": 0.1},
                "steps": 10,
                "initial": 0.05,
            },
            optax.warmup_cosine_decay_schedule(0.05, LR, 10, 40, 0.1),
        ),
        (
            "warmup_stable_decay",
            {
                "peak": LR,
                "warmup": 8,
                "decay": 10,
                "steps": 40,
                "initial": 0.05,
                "final": 0.1,
                "shape": "linear",
            },
            optax.join_schedules(
                [
                    optax.linear_schedule(0.05, LR, 8),
                    optax.constant_schedule(LR),
                    optax.linear_schedule(LR, 0.1, 10),
                ],
                [8, 30],
            ),
        ),
    ]
    for name, settings, schedule in made:
        yield "optax", name, settings, optax_values(schedule)


def plateaus() -> Iterator[dict[str, Any]]:
    """torch's ReduceLROnPlateau, whose patience is one less and whose threshold is absolute here."""
    draw = random.Random(7)
    curves = [[round(draw.uniform(0, 1) + 2 / (epoch + 1), 3) for epoch in range(40)] for _ in range(3)]
    curves[1][5:9] = [float("nan")] * 4
    settings = [
        {"patience": 1},
        {"patience": 3, "cooldown": 2, "factor": 0.5, "min_delta": 0.05},
        {"patience": 2, "cooldown": 1, "factor": 0.5, "min_factor": 0.2, "mode": "max"},
    ]
    for curve in curves:
        for given in settings:
            factors = []
            optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
            scheduler = of_torch.ReduceLROnPlateau(
                optimizer,
                mode=given.get("mode", "min"),
                factor=given.get("factor", 0.1),
                patience=given["patience"] - 1,
                threshold=given.get("min_delta", 1e-4),
                threshold_mode="abs",
                cooldown=given.get("cooldown", 0),
                min_lr=given.get("min_factor", 0.0),
                eps=0.0,
            )
            for value in curve:
                scheduler.step(value)
                factors.append(float(optimizer.param_groups[0]["lr"]))
            yield {"arguments": given, "curve": curve, "factors": factors}


def main(path: Path = HOME) -> None:
    """Writes the file, one case a line."""
    jax.config.update("jax_enable_x64", True)
    warnings.simplefilter("ignore")
    cases = [*torch_cases(), *optax_cases()]
    values = [dict(zip(("from", "name", "arguments", "values"), case, strict=True)) for case in cases]
    lists = {"values": values, "plateaus": list(plateaus())}
    parts = [f'"{key}": [\n' + ",\n".join(map(json.dumps, items)) + "\n]" for key, items in lists.items()]
    path.write_text("{" + ",\n".join(parts) + "}\n")


if __name__ == "__main__":
    main()
