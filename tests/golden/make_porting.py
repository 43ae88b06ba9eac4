"""Writes porting.npz: numbers of Keras, PyTorch and optax where a setting or a sentence of ours stands for theirs.

usage: KERAS_BACKEND=jax python tests/golden/make_porting.py
needs: torch 2.13, keras 3.15.1, jax 0.10, optax 0.2.8

Arrays: CASE/NAME (T, ...), paths of a weight (4, 3) and a bias (3,) under the gradients of array_optimizers.npz, stored
as bpframe has them, (in, out); CASE.x/NAME what a case predicts with; CASE, other numbers: losses, rates by epoch.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np
import optax
import torch
from optax import contrib

HOME = Path(__file__).with_name("porting.npz")
GIVEN = np.load(HOME.with_name("array_optimizers.npz"))
NAMES = ("weight", "bias")
START = {name: GIVEN[f"start/{name}"] for name in NAMES}
GRADIENTS = {name: GIVEN[f"gradients/{name}"] for name in NAMES}
STEPS = len(GRADIENTS["bias"])
CURVE = np.array([1.0, 0.9, 0.895, 0.894, 0.893, 0.8, 0.81, 0.82, 0.83, 0.84, 0.85, 0.86, 0.8, 0.7999, 0.79, 0.79])
TRUNCATED = [(0.0, 1.0, -2.0, 2.0), (0.0, 0.02, -2.0, 2.0), (0.0, 3.0, -2.0, 2.0), (1.0, 0.5, 0.8, 3.0)]  # mean, ..., b
QUANTILES = (0.001, 0.1, 0.5, 0.9, 0.999)
Arrays = dict[str, np.ndarray]


def with_optax(rule: Any) -> Arrays:
    """The path under a chain of optax."""
    p: Any = dict(START)
    state, path = rule.init(p), []
    for t in range(STEPS):
        updates, state = rule.update({name: g[t] for name, g in GRADIENTS.items()}, state, p)
        p = optax.apply_updates(p, updates)
        path.append(p)
    return _stacked(path)


def with_keras(rule: Any, averages: bool = False) -> Arrays:
    """The path of parameters, or of their averages, under a keras.optimizers class."""
    variables = [keras.Variable(START[name], dtype="float64") for name in NAMES]
    rule.build(variables)
    path = []
    for t in range(STEPS):
        rule.apply([keras.ops.convert_to_tensor(GRADIENTS[name][t], dtype="float64") for name in NAMES])
        now = rule._model_variables_moving_average if averages else variables
        path.append({name: np.array(value) for name, value in zip(NAMES, now, strict=True)})
    return _stacked(path)


def torch_average() -> Arrays:
    """torch's AveragedModel after each step of momentum."""

    class Holder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name in NAMES:
                setattr(self, name, torch.nn.Parameter(torch.tensor(START[name])))

    model = Holder()
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.8))
    rule, path = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), []
    for t in range(STEPS):
        for name in NAMES:
            getattr(model, name).grad = torch.tensor(GRADIENTS[name][t])
        rule.step()
        average.update_parameters(model)
        path.append({name: getattr(average.module, name).detach().numpy().copy() for name in NAMES})
    return _stacked(path)


def torch_clipped() -> Arrays:
    """Each gradient after torch's clip_grad_norm_, the parameters at their start."""
    path = []
    for t in range(STEPS):
        tensors = {name: torch.tensor(START[name], requires_grad=True) for name in NAMES}
        for name, tensor in tensors.items():
            tensor.grad = torch.tensor(GRADIENTS[name][t])
        torch.nn.utils.clip_grad_norm_(list(tensors.values()), 3.0)
        path.append({name: tensor.grad.numpy().copy() for name, tensor in tensors.items()})
    return _stacked(path)


def paths() -> dict[str, Arrays]:
    """Every path by the name of its case."""
    sgd = {"learning_rate": 0.1, "momentum": 0.9}
    return {
        "ema_torch.x": torch_average(),
        "ema_keras.x": with_keras(keras.optimizers.SGD(**sgd, use_ema=True, ema_momentum=0.8), averages=True),
        "lars_optax": with_optax(optax.lars(2.0, trust_coefficient=0.01)),
        "lars_optax_decay": with_optax(optax.lars(2.0, weight_decay=0.2, trust_coefficient=0.01)),
        "lamb_optax": with_optax(optax.lamb(0.05, weight_decay=0.1)),
        "lamb_keras": with_keras(keras.optimizers.Lamb(0.05, epsilon=1e-6)),
        "lamb_keras_decay": with_keras(keras.optimizers.Lamb(0.05, epsilon=1e-6, weight_decay=0.2)),
        "adafactor_optax": with_optax(optax.adafactor(0.5)),
        "adafactor_optax_factored": with_optax(optax.adafactor(0.5, min_dim_size_to_factor=2)),
        "adafactor_keras": with_keras(keras.optimizers.Adafactor(0.05)),
        "adamw_torch": _adamw(),
        "muon_keras": with_keras(keras.optimizers.Muon(learning_rate=0.02, weight_decay=0.1)),
        "muon_optax": with_optax(contrib.muon(0.02, eps=0.1, weight_decay=0.1)),
        "muon_optax_plain": with_optax(contrib.muon(0.02, eps=0.1, nesterov=False)),
        "clip_torch": torch_clipped(),
    }


def _adamw() -> Arrays:
    """torch's, at its defaults, which let biases decay."""
    p = {name: torch.tensor(START[name], requires_grad=True) for name in NAMES}
    rule, path = torch.optim.AdamW(list(p.values()), lr=0.05, weight_decay=0.3), []
    for t in range(STEPS):
        for name, tensor in p.items():
            tensor.grad = torch.tensor(GRADIENTS[name][t])
        rule.step()
        path.append({name: tensor.detach().numpy().copy() for name, tensor in p.items()})
    return _stacked(path)


# ---------------------------------------------------------------------------------------------------------- rates


def keras_plateau(cooldown: int) -> list[float]:
    """The rate before each epoch under ReduceLROnPlateau."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    callback = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=0.01, cooldown=cooldown)
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(CURVE):
        rates.append(float(np.array(model.optimizer.learning_rate)))
        callback.on_epoch_end(epoch, {"loss": value})
    return rates


def torch_plateau(cooldown: int, mode: str) -> list[float]:
    """The same under torch's."""
    rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    options = {"factor": 0.5, "patience": 2, "threshold": 0.01, "threshold_mode": mode, "cooldown": cooldown, "eps": 0}
    schedule, rates = torch.optim.lr_scheduler.ReduceLROnPlateau(rule, **options), []
    for value in CURVE:
        rates.append(rule.param_groups[0]["lr"])
        schedule.step(value)
    return rates


def optax_plateau(cooldown: int) -> list[float]:
    """The same under optax's."""
    rule = contrib.reduce_on_plateau(factor=0.5, patience=2, rtol=0.01, atol=0.0, cooldown=cooldown)
    params = jax.numpy.zeros(1)
    state, rates = rule.init(params), []
    for value in CURVE:
        rates.append(float(state.scale))
        _, state = rule.update(params, state, value=value)
    return rates


def torch_truncated() -> np.ndarray:
    """Quantiles (QUANTILES) of a million draws of trunc_normal_ for some arguments, a row each."""
    torch.manual_seed(0)
    draws = [torch.empty(10**6, dtype=torch.float64) for _ in TRUNCATED]
    for draw, given in zip(draws, TRUNCATED, strict=True):
        torch.nn.init.trunc_normal_(draw, *given)
    return np.array([np.quantile(draw.numpy(), QUANTILES) for draw in draws])


def torch_one_cycle(steps: int) -> tuple[list[float], list[float]]:
    """(the rate, beta1) of each update under torch's OneCycleLR with total_steps = steps + 1."""
    rule = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(rule, 0.1, total_steps=steps + 1)
    rates, betas = [], []
    for _ in range(steps + 1):
        rates.append(rule.param_groups[0]["lr"])
        betas.append(rule.param_groups[0]["betas"][0])
        rule.step()
        if len(rates) <= steps:
            schedule.step()
    return rates, betas


# ---------------------------------------------------------------------------------------------------------- losses


def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(scores (5, 3), classes (5,), sample weights (5,), class weights (3,))."""
    rng = np.random.default_rng(7)
    return (
        rng.normal(size=(5, 3)),
        np.array([0, 2, 1, 1, 2]),
        np.array([1.0, 3.0, 0.5, 2.0, 0.0]),
        np.array([1, 2, 4.0]),
    )


def losses() -> dict[str, Any]:
    """Losses of `rows` in the three libraries."""
    z, y, w, c = rows()
    one_hot, tensor, classes = np.eye(3)[y], torch.tensor(z), torch.tensor(y)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    cce, entropy = keras.losses.CategoricalCrossentropy(from_logits=True), torch.nn.functional.cross_entropy
    focal = keras.losses.CategoricalFocalCrossentropy(from_logits=False, reduction="none")
    balanced = keras.losses.BinaryFocalCrossentropy(True, from_logits=True, reduction="none")
    smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    binary = (y > 0).astype(float)
    return {
        "weighted_keras": float(cce(one_hot, z, sample_weight=w)),
        "class_weighted_keras": float(cce(one_hot, z, sample_weight=c[y])),
        "class_weighted_torch": float(entropy(tensor, classes, torch.tensor(c))),
        "class_weighted_torch_one_hot": float(entropy(tensor, torch.tensor(one_hot), torch.tensor(c))),
        "poly1_optax": np.asarray(optax.losses.poly_loss_cross_entropy(z, one_hot)),
        "focal_keras": np.asarray(focal(one_hot, p)),
        "focal_optax_alpha": np.asarray(optax.losses.sigmoid_focal_loss(z[:, 0], binary, alpha=0.25)),
        "focal_keras_balanced": np.asarray(balanced(binary[:, None], z[:, :1])),
        "focal_optax": np.asarray(optax.losses.sigmoid_focal_loss(z[:, 0], binary)),
        "l2_keras": float(keras.regularizers.L2(0.1)(START["weight"])),
        "smoothed_keras": float(smooth(one_hot, z)),
        "smoothed_torch": float(entropy(tensor, classes, label_smoothing=0.2)),
        "huber_torch": torch.nn.functional.huber_loss(tensor[:, 0], tensor[:, 1], reduction="none", delta=0.5).numpy(),
        "smooth_l1_torch": torch.nn.functional.smooth_l1_loss(
            tensor[:, 0], tensor[:, 1], reduction="none", beta=0.5
        ).numpy(),
        "huber_keras": float(keras.losses.Huber(0.5)(z[:, 1:2], z[:, :1])),
    }


def _stacked(path: list[Any]) -> Arrays:
    return {name: np.stack([np.asarray(p[name], np.float64) for p in path]) for name in path[0]}


def main(path: Path = HOME) -> None:
    """Writes the archive."""
    jax.config.update("jax_enable_x64", True)
    keras.config.set_floatx("float64")
    arrays: dict[str, Any] = {f"{case}/{name}": a for case, made in paths().items() for name, a in made.items()}
    z, y, w, c = rows()
    arrays |= {"scores": z, "classes": y, "weights": w, "class_weights": c, "curve": CURVE} | losses()
    for cooldown in (0, 3):
        arrays[f"plateau_keras_{cooldown}"] = keras_plateau(cooldown)
        arrays[f"plateau_optax_{cooldown}"] = optax_plateau(cooldown)
        for mode in ("abs", "rel"):
            arrays[f"plateau_torch_{mode}_{cooldown}"] = torch_plateau(cooldown, mode)
    arrays |= {"truncated": TRUNCATED, "quantiles": QUANTILES, "truncated_torch": torch_truncated()}
    arrays["one_cycle_torch"], arrays["one_cycle_torch_beta1"] = torch_one_cycle(100)
    made: Callable[[Any], np.ndarray] = np.asarray
    arrays = {name: made(a) for name, a in arrays.items()}
    assert all(np.isfinite(a).all() for a in arrays.values())
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main()
