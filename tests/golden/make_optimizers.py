"""Writes tests/golden/optimizers.npz: the paths of one p under PyTorch's, Keras' and optax' update rules, in float64.

usage: KERAS_BACKEND=jax python tests/golden/make_optimizers.py     (needs torch, keras, jax and optax)
p (5,) start, gradients (60, 5) what every rule is given, paths (n, 60, 5) p after each step, cases: JSON, for each path
the rule, its arguments in bpframe's names, the two learning rates (the second from step 31 on) and who made it.
No setting is a default, so that no two of them can be mistaken for one another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
import optax
import torch

jax.config.update("jax_enable_x64", True)
keras.config.set_floatx("float64")
torch.set_default_dtype(torch.float64)  # NAdam keeps its product of momenta in the default type

HOME = Path(__file__).parent / "optimizers.npz"
STEPS, CHANGE, ROWS, EVERY = 60, 30, 32, 7
HostArray = np.ndarray[Any, Any]
Rates = tuple[float, float]


@dataclass(frozen=True)
class Made:
    """A path, the learning rates on the way, and who made it."""

    by: str
    lr: Rates
    path: HostArray


Case = tuple[str, dict[str, Any], Made]  # name of the rule, its arguments, its path


def start() -> HostArray:
    """The p that every path starts from."""
    return np.random.default_rng(1).normal(size=5)


def gradients() -> HostArray:
    """Random ones of different scales, with zeros: every ninth step, and at the start of one element."""
    g = np.random.default_rng(2).normal(size=(STEPS, 5)) * np.array([1.0, 1.0, 0.1, 0.01, 3.0])
    g[5::9] = 0.0
    g[:4, 1] = 0.0
    return g


def by_torch(make: Callable[[list[torch.Tensor], float], torch.optim.Optimizer], lrs: Rates) -> Made:
    """The path under a torch.optim class."""
    p = torch.tensor(start(), requires_grad=True)
    rule = make([p], lrs[0])
    path = []
    for t, g in enumerate(gradients()):
        if t == CHANGE and lrs[1] != lrs[0]:
            rule.param_groups[0]["lr"] = lrs[1]
        p.grad = torch.tensor(g)
        rule.step()
        path.append(p.detach().numpy().copy())
    return Made(f"torch {torch.__version__}", lrs, np.array(path))


def by_keras(make: Callable[[float], keras.optimizers.Optimizer], lrs: Rates) -> Made:
    """The path under a keras.optimizers class."""
    p = keras.Variable(start(), dtype="float64")
    rule = make(lrs[0])
    rule.build([p])
    path = []
    for t, g in enumerate(gradients()):
        rule.learning_rate = lrs[t >= CHANGE]
        rule.apply([keras.ops.convert_to_tensor(g, dtype="float64")])
        path.append(np.array(p.value))
    return Made(f"keras {keras.__version__}", lrs, np.array(path))


def by_optax(make: Callable[[Any], optax.GradientTransformation], lrs: Rates) -> Made:
    """The path under a chain of optax, whose learning rate is a schedule."""
    rule = make(lambda count: jax.numpy.where(count < CHANGE, *lrs))
    p = jax.numpy.asarray(start())
    state = rule.init(p)
    path = []
    for g in gradients():
        change, state = rule.update(jax.numpy.asarray(g), state, p)
        p = optax.apply_updates(p, change)
        path.append(np.array(p))
    return Made(f"optax {optax.__version__}", lrs, np.array(path))


def squares() -> optax.GradientTransformation:
    """A diagonal of the Hessian for optax' Sophia, as its G form has it: ROWS g^2."""
    return optax.stateless(lambda g, _: jax.tree.map(lambda leaf: ROWS * leaf**2, g))


def plain(lrs: Rates) -> Iterator[Case]:
    """Descent, with and without a velocity."""
    sgd = torch.optim.SGD
    yield "sgd", {}, by_torch(lambda p, lr: sgd(p, lr), lrs)
    for rule, ahead in (("momentum", False), ("nesterov", True)):
        mu = {"momentum": 0.8}
        yield rule, mu, by_torch(lambda p, lr, ahead=ahead: sgd(p, lr, momentum=0.8, nesterov=ahead), lrs)
        yield rule, mu, by_optax(lambda lr, ahead=ahead: optax.sgd(lr, 0.8, nesterov=ahead), lrs)
        inside = {"flavor": "keras", **mu}
        yield rule, inside, by_keras(lambda lr, ahead=ahead: keras.optimizers.SGD(lr, 0.8, nesterov=ahead), lrs)
    yield "signum", {"momentum": 0.7}, by_optax(lambda lr: optax.signum(lr, 0.7), lrs)
    yield "lion", LION, by_optax(lambda lr: optax.lion(lr, 0.8, 0.95, weight_decay=0.3), lrs)
    yield "lion", LION, by_keras(lambda lr: keras.optimizers.Lion(lr, 0.8, 0.95, weight_decay=0.3), lrs)
    steps = {"eta_minus": 0.6, "eta_plus": 1.3, "min_step_size": 0.004, "max_step_size": 0.1}
    made = by_torch(lambda p, lr: torch.optim.Rprop(p, lr, (0.6, 1.3), (0.004, 0.1)), (0.02, 0.02))
    yield "rprop", steps, made


def scaled(lrs: Rates) -> Iterator[Case]:
    """Gradients divided by a measure of those before."""
    first = {"initial_accumulator": 0.2, "eps": 0.05}
    torch_ = torch.optim
    yield "adagrad", first, by_torch(lambda p, lr: torch_.Adagrad(p, lr, initial_accumulator_value=0.2, eps=0.05), lrs)
    inside = {"flavor": "keras", **first}
    yield "adagrad", inside, by_keras(lambda lr: keras.optimizers.Adagrad(lr, 0.2, 0.05), lrs)
    yield "adagrad", inside, by_optax(lambda lr: optax.adagrad(lr, 0.2, 0.05), lrs)
    delta = {"rho": 0.8, "eps": 1e-3}
    more = (10 * lrs[0], 10 * lrs[1])
    yield "adadelta", delta, by_torch(lambda p, lr: torch_.Adadelta(p, lr, 0.8, 1e-3), more)
    yield "adadelta", delta, by_keras(lambda lr: keras.optimizers.Adadelta(lr, 0.8, 1e-3), more)
    yield "adadelta", delta, by_optax(lambda lr: optax.adadelta(lr, 0.8, 1e-3), more)
    for centered, mu in ((False, 0.0), (False, 0.7), (True, 0.0), (True, 0.7)):
        given = {"rho": 0.8, "eps": 0.02, "momentum": mu, "centered": centered}
        also = {"momentum": mu, "centered": centered}
        yield "rmsprop", given, by_torch(lambda p, lr, a=also: torch_.RMSprop(p, lr, 0.8, 0.02, **a), lrs)
        given = {"flavor": "keras", **given}
        yield "rmsprop", given, by_keras(lambda lr, a=also: keras.optimizers.RMSprop(lr, 0.8, epsilon=0.02, **a), lrs)
        yield "rmsprop", given, by_optax(lambda lr, a=also: optax.rmsprop(lr, 0.8, 0.02, **a), lrs)


MOMENTS = {"beta1": 0.8, "beta2": 0.95, "eps": 0.02}
LION = {"beta1": 0.8, "beta2": 0.95, "weight_decay": 0.3}


def adams(lrs: Rates) -> Iterator[Case]:
    """Adam and its next of kin, which all three libraries have."""
    torch_, keras_, betas, three = torch.optim, keras.optimizers, (0.8, 0.95), (0.8, 0.95, 0.02)
    keras_flavor = {"flavor": "keras", **MOMENTS}
    optax_flavor = {"flavor": "optax", **MOMENTS}
    shrinking = {"weight_decay": 0.3}
    yield "adam", MOMENTS, by_torch(lambda p, lr: torch_.Adam(p, lr, betas, 0.02), lrs)
    yield "adam", MOMENTS, by_optax(lambda lr: optax.adam(lr, *three), lrs)
    yield "adam", keras_flavor, by_keras(lambda lr: keras_.Adam(lr, *three), lrs)
    yield "adamw", MOMENTS | shrinking, by_torch(lambda p, lr: torch_.AdamW(p, lr, betas, 0.02, 0.3), lrs)
    yield "adamw", MOMENTS | shrinking, by_optax(lambda lr: optax.adamw(lr, *three, weight_decay=0.3), lrs)
    yield "adamw", keras_flavor | shrinking, by_keras(lambda lr: keras_.AdamW(lr, 0.3, *three), lrs)
    yield "amsgrad", MOMENTS, by_torch(lambda p, lr: torch_.Adam(p, lr, betas, 0.02, amsgrad=True), lrs)
    yield "amsgrad", keras_flavor, by_keras(lambda lr: keras_.Adam(lr, *three, amsgrad=True), lrs)
    yield "amsgrad", optax_flavor, by_optax(lambda lr: optax.amsgrad(lr, *three), lrs)
    yield "adamax", MOMENTS, by_torch(lambda p, lr: torch_.Adamax(p, lr, betas, 0.02), lrs)
    yield "adamax", MOMENTS, by_optax(lambda lr: optax.adamax(lr, *three), lrs)
    yield "adamax", keras_flavor, by_keras(lambda lr: keras_.Adamax(lr, *three), lrs)
    yield "nadam", MOMENTS, by_torch(lambda p, lr: torch_.NAdam(p, lr, betas, 0.02), lrs)
    yield "nadam", keras_flavor, by_keras(lambda lr: keras_.Nadam(lr, *three), lrs)
    yield "nadam", optax_flavor, by_optax(lambda lr: optax.nadam(lr, *three), lrs)
    yield "radam", MOMENTS, by_torch(lambda p, lr: torch_.RAdam(p, lr, betas, 0.02), lrs)
    yield "radam", optax_flavor, by_optax(lambda lr: optax.radam(lr, *three), lrs)


def further(lrs: Rates) -> Iterator[Case]:
    """What only optax has. Its adan weighs differences by 1 - b2, the paper by b2: the same at one half."""
    three, contrib = (0.8, 0.95, 0.02), optax.contrib
    belief = {**MOMENTS, "eps": 1e-3}
    yield "adabelief", belief, by_optax(lambda lr: optax.adabelief(lr, 0.8, 0.95, 1e-3, 1e-3), lrs)
    yield "yogi", {"flavor": "optax", **MOMENTS}, by_optax(lambda lr: optax.yogi(lr, *three), lrs)
    yield "adopt", MOMENTS, by_optax(lambda lr: contrib.adopt(lr, *three), lrs)
    betas = {"beta1": 0.9, "beta2": 0.5, "beta3": 0.8, "eps": 0.02, "weight_decay": 0.3}
    yield "adan", betas, by_optax(lambda lr: optax.adan(lr, 0.9, 0.5, 0.8, 0.02, 0.0, weight_decay=0.3), lrs)
    mix = {**MOMENTS, "beta3": 0.98, "alpha": 3.0, "weight_decay": 0.3}
    slow = {"b3": 0.98, "alpha": 3.0, "eps": 0.02, "weight_decay": 0.3}
    yield "ademamix", mix, by_optax(lambda lr: contrib.ademamix(lr, 0.8, 0.95, **slow), lrs)
    newton = {"beta1": 0.0, "beta2": 0.9, "rho": 0.3, "eps": 0.4, "weight_decay": 0.3, "every": EVERY}
    same = {"eps": 0.4, "gamma": 0.3, "update_interval": EVERY, "hessian_diagonal_fn": squares(), "weight_decay": 0.3}
    yield "sophia_g", newton, by_optax(lambda lr: contrib.sophia(lr, 0.0, 0.9, **same), lrs)


def main(path: Path = HOME) -> None:
    """Writes the archive."""
    made = [case for family in (plain, scaled, adams, further) for case in family((0.05, 0.005))]
    paths = np.array([result.path for _, _, result in made])
    assert np.isfinite(paths).all()
    cases = [{"rule": name, "arguments": given, "lr": result.lr, "by": result.by} for name, given, result in made]
    np.savez_compressed(path, p=start(), gradients=gradients(), paths=paths, cases=np.array(json.dumps(cases)))


if __name__ == "__main__":
    main()
