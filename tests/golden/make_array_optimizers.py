"""Writes array_optimizers.npz: paths of a weight (4, 3) and a bias (3,) under other libraries' optimizers, in float64.

usage: python tests/golden/make_array_optimizers.py
needs: torch 2.13, jax 0.10, optax 0.2.8, schedulefree 1.4.1, prodigyopt 1.1.2

Arrays: start/NAME; gradients/NAME (T, ...); CASE/NAME (T, ...) the parameter after each step, also CASE.x/NAME where a
case predicts with others. Weights are stored as bpframe has them, (in, out); torch gets them transposed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import torch
from optax import contrib
from prodigyopt import Prodigy
from schedulefree import AdamWScheduleFree, SGDScheduleFree

HOME = Path(__file__).with_name("array_optimizers.npz")
STEPS = 20
CURVATURE = {"weight": np.linspace(0.5, 3, 12).reshape(4, 3), "bias": np.array([1.0, 2.0, 0.3])}
Arrays = dict[str, np.ndarray]


def problem() -> tuple[Arrays, Arrays]:
    """(start, gradients of each step), one gradient 0 and one large."""
    rng = np.random.default_rng(42)
    start = {"weight": rng.normal(size=(4, 3)), "bias": rng.normal(size=3)}
    gradients = {name: rng.normal(size=(STEPS, *p.shape)) for name, p in start.items()}
    for g in gradients.values():
        g[4], g[9] = 0, 100 * g[9]
    return start, gradients


START, GRADIENTS = problem()


def with_optax(rule: Any, evaluate: Callable[..., Any] | None = None) -> dict[str, Arrays]:
    """{"": path, ".x": path of the parameters that `evaluate(state, p)` gives}."""
    p: Any = dict(START)
    state, paths = rule.init(p), {"": [], ".x": []}
    for t in range(STEPS):
        updates, state = rule.update({name: g[t] for name, g in GRADIENTS.items()}, state, p)
        p = optax.apply_updates(p, updates)
        paths[""].append(p)
        if evaluate:
            paths[".x"].append(evaluate(state, p))
    return {suffix: _stacked(path) for suffix, path in paths.items() if path}


def with_torch(make: Callable[..., Any], evaluates: bool = False) -> dict[str, Arrays]:
    """The same for an optimizer of torch's kind; `evaluates`: it goes to what it predicts with on `eval()`."""
    p = {name: torch.tensor(start.T, requires_grad=True) for name, start in START.items()}
    rule, paths = make(list(p.values())), {"": [], ".x": []}
    for t in range(STEPS):
        for name, tensor in p.items():
            tensor.grad = torch.tensor(GRADIENTS[name][t].T.copy())
        if evaluates:
            rule.train()
        rule.step()
        paths[""].append({name: tensor.detach().numpy().T.copy() for name, tensor in p.items()})
        if evaluates:
            rule.eval()
            paths[".x"].append({name: tensor.detach().numpy().T.copy() for name, tensor in p.items()})
    return {suffix: _stacked(path) for suffix, path in paths.items() if path}


def muon(**arguments: Any) -> dict[str, Arrays]:
    """torch's Muon on the weight alone, with its cast to bfloat16 taken out."""
    cast, torch.Tensor.bfloat16 = torch.Tensor.bfloat16, torch.Tensor.clone
    try:
        return with_torch(lambda tensors: torch.optim.Muon(tensors[:1], eps=1e-30, **arguments))
    finally:
        torch.Tensor.bfloat16 = cast


def lookahead() -> dict[str, Arrays]:
    """optax keeps both paths in pairs."""
    rule = optax.lookahead(optax.sgd(0.1, momentum=0.9), sync_period=3, slow_step_size=0.4)
    p = optax.LookaheadParams.init_synced(START)
    state, fast, slow = rule.init(p), [], []
    for t in range(STEPS):
        updates, state = rule.update({name: g[t] for name, g in GRADIENTS.items()}, state, p)
        p = optax.apply_updates(p, updates)
        fast.append(p.fast)
        slow.append(p.slow)
    return {"": _stacked(fast), ".x": _stacked(slow)}


def ema() -> dict[str, Arrays]:
    """optax's average of updates, given the path of momentum."""
    path = with_optax(optax.sgd(0.1, momentum=0.9))[""]
    average, averages = optax.ema(0.8, debias=True), []
    state = average.init(dict(START))
    for t in range(STEPS):
        mean, state = average.update({name: p[t] for name, p in path.items()}, state)
        averages.append(mean)
    return {"": path, ".x": _stacked(averages)}


def sam() -> dict[str, Arrays]:
    """Down sum CURVATURE p^2 / 2, not along the gradients of the other cases."""
    ascent = optax.chain(contrib.normalize(), optax.sgd(0.3))
    rule = contrib.sam(optax.sgd(0.05, momentum=0.9), ascent, sync_period=2, opaque_mode=True)

    def gradient(p: Any, _: int = 0) -> Any:
        return {name: a * p[name] for name, a in CURVATURE.items()}

    p: Any = dict(START)
    state, path = rule.init(p), []
    for _ in range(STEPS):
        updates, state = rule.update(gradient(p), state, p, grad_fn=gradient)
        p = optax.apply_updates(p, updates)
        path.append(p)
    return {"": _stacked(path)}


def transformed(transform: Any) -> dict[str, Arrays]:
    """Not a path: each gradient after a transformation, the parameters at their start."""
    state, path = transform.init(START), []
    for t in range(STEPS):
        g, state = transform.update({name: g[t] for name, g in GRADIENTS.items()}, state, START)
        path.append(g)
    return {"": _stacked(path)}


WEIGHT_ONLY = {"weight": True, "bias": False}


def cases() -> dict[str, dict[str, Arrays]]:
    """Every case by name."""
    return {
        "lars": with_optax(optax.lars(2.0, trust_coefficient=0.01, trust_ratio_mask=WEIGHT_ONLY)),
        "lamb": with_optax(optax.lamb(0.05, weight_decay=0.1)),
        "adafactor": with_torch(lambda p: torch.optim.Adafactor(p, lr=0.05, weight_decay=0.1, eps=(1e-30, 1e-3))),
        "adafactor_relative": with_torch(lambda p: torch.optim.Adafactor(p, lr=1.0, eps=(1e-30, 1e-3))),
        "sm3": with_optax(optax.chain(optax.scale_by_sm3(0.9, 1.0, 0.0), optax.scale_by_learning_rate(0.1))),
        "muon": muon(lr=0.02, weight_decay=0.1),
        "muon_match_rms_adamw": muon(lr=0.02, weight_decay=0.1, nesterov=False, adjust_lr_fn="match_rms_adamw"),
        "muon_optax": with_optax(contrib.muon(0.02, nesterov=False, eps=1e-30)),
        "schedule_free_sgd": with_torch(lambda p: SGDScheduleFree(p, lr=0.2, warmup_steps=7, foreach=False), True),
        "schedule_free_sgd_optax": with_optax(contrib.schedule_free_sgd(0.2), contrib.schedule_free_eval_params),
        "schedule_free_adamw": with_torch(
            lambda p: AdamWScheduleFree(p, lr=0.02, betas=(0.95, 0.99), weight_decay=0.1, warmup_steps=7), True
        ),
        "schedule_free_adamw_optax": with_optax(
            contrib.schedule_free_adamw(0.02, weight_decay=0.1), contrib.schedule_free_eval_params
        ),
        "prodigy": with_torch(lambda p: Prodigy(p, d0=1e-3, weight_decay=0.1)),
        "prodigy_safeguarded": with_torch(
            lambda p: Prodigy(p, lr=0.5, d0=1e-3, d_coef=2.0, use_bias_correction=True, safeguard_warmup=True)
        ),
        "prodigy_optax": with_optax(contrib.prodigy(estim_lr0=1e-3, weight_decay=0.1)),
        "lookahead": lookahead(),
        "ema": ema(),
        "sam": sam(),
        "clip_global_norm": transformed(optax.clip_by_global_norm(3.0)),
        "clip_value": transformed(optax.clip(0.5)),
        "adaptive_clip": transformed(optax.adaptive_grad_clip(0.3)),
    }


def _stacked(path: list[Any]) -> Arrays:
    return {name: np.stack([np.asarray(p[name], np.float64) for p in path]) for name in path[0]}


def main(path: Path = HOME) -> None:
    """Writes the archive."""
    jax.config.update("jax_enable_x64", True)
    arrays = {f"start/{name}": p for name, p in START.items()} | {f"gradients/{n}": g for n, g in GRADIENTS.items()}
    arrays |= {
        f"{case}{suffix}/{name}": values
        for case, paths in cases().items()
        for suffix, path_of in paths.items()
        for name, values in path_of.items()
    }
    assert all(np.isfinite(values).all() for values in arrays.values())
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main()
