"""Writes port_page.npz: what the lines of docs/how-to/port-a-training.md give in Keras, PyTorch, optax, scikit-learn.

usage: KERAS_BACKEND=jax python tests/golden/make_port_page.py
needs: torch 2.13, keras 3.15.1, jax 0.10, optax 0.2.8, scikit-learn 1.9.1

Arrays: lines, "SECTION | FROM | THERE" as on the page, and by their numbers what they give: for trainings all
parameters at the end, one after the other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np
import optax
import port_page as page
import port_page_values as values
import sklearn.neural_network
import torch
from optax import contrib

HOME = Path(__file__).with_name("port_page.npz")
RULES = {  # what a line of the table of optimizers stands for, in Keras, PyTorch and optax
    "SGD": ("SGD(lr)", "SGD(parameters, lr)", "sgd(lr)"),
    "SGD, momentum 0.9": ("SGD(lr, momentum=0.9)", "SGD(parameters, lr, momentum=0.9)", "sgd(lr, 0.9)"),
    "SGD, Nesterov": (
        "SGD(lr, momentum=0.9, nesterov=True)",
        "SGD(parameters, lr, momentum=0.9, nesterov=True)",
        "sgd(lr, 0.9, nesterov=True)",
    ),
    "Adam": ("Adam(lr)", "Adam(parameters, lr)", "adam(lr)"),
    "Adam, amsgrad": ("Adam(lr, amsgrad=True)", "Adam(parameters, lr, amsgrad=True)", "amsgrad(lr)"),
    "AdamW": ("AdamW(lr)", "AdamW(parameters, lr)", "adamw(lr)"),
    "Adamax": ("Adamax(lr)", "Adamax(parameters, lr)", "adamax(lr)"),
    "NAdam": ("Nadam(lr)", "NAdam(parameters, lr)", "nadam(lr)"),
    "RAdam": ("", "RAdam(parameters, lr)", "radam(lr)"),
    "Adagrad": ("Adagrad(lr)", "Adagrad(parameters, lr)", "adagrad(lr)"),
    "Adadelta": ("Adadelta(lr)", "Adadelta(parameters, lr)", "adadelta(lr)"),
    "RMSprop": ("RMSprop(lr)", "RMSprop(parameters, lr)", "rmsprop(lr)"),
    "Rprop": ("", "Rprop(parameters, lr)", ""),
    "Adafactor": ("Adafactor(lr)", "Adafactor(parameters, lr)", "adafactor(lr)"),
    "Lion": ("Lion(lr)", "", "lion(lr)"),
    "LAMB": ("Lamb(lr)", "", "lamb(lr)"),
    "LARS": ("", "", "lars(lr)"),
    "Muon": ("Muon(lr)", "", "contrib.muon(lr)"),
    "AdaBelief": ("", "", "adabelief(lr)"),
    "Yogi": ("", "", "yogi(lr)"),
}
X, Y = page.data()
BATCHES = [slice(i, i + page.BATCH) for i in range(0, page.ROWS, page.BATCH)] * page.EPOCHS
Flat = np.ndarray


def flat(arrays: list[Any]) -> Flat:
    """All numbers in one vector."""
    return np.concatenate([np.asarray(a, np.float64).ravel() for a in arrays])


# ---------------------------------------------------------------------------------------------------------- trainings


def with_keras(optimizer: Any, between: Any = None, fit: Any = None, **dense: Any) -> Flat:
    """The parameters after a fit, then, if a layer stands between the dense ones, the scores in evaluation."""
    layers = [keras.layers.Dense(5, "tanh", **dense), keras.layers.Dense(3, **dense)]
    model = keras.Sequential([keras.Input((4,)), layers[0], *([between] if between else []), layers[1]])
    model.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True))
    for layer, first in zip(layers, pairs(), strict=True):
        layer.set_weights(first)
    given = {"batch_size": page.BATCH, "epochs": page.EPOCHS, "shuffle": False, "verbose": 0, **(fit or {})}
    model.fit(X, np.eye(3)[Y], **given)
    scores = [model.predict(X, verbose=0)] if between else []
    return flat([value for layer in layers for value in layer.get_weights()] + scores)


def pairs() -> list[list[Flat]]:
    """(weight, bias) of each dense layer at the start."""
    first = list(page.start().values())
    return [first[:2], first[2:]]


def torch_model(*between: Any) -> Any:
    """The network with its first parameters."""
    ends = torch.nn.Linear(4, 5), torch.nn.Linear(5, 3)
    with torch.no_grad():
        for layer, (weight, bias) in zip(ends, pairs(), strict=True):
            layer.double().weight.copy_(torch.tensor(weight.T))
            layer.bias.copy_(torch.tensor(bias))
    return torch.nn.Sequential(ends[0], torch.nn.Tanh(), *between, ends[1]).double()


def with_torch(text: str, *between: Any) -> Flat:
    """The same of a training by an optimizer, and what stands behind it: clipping, an average, a schedule."""
    model = torch_model(*between)
    names = {"model": model, "parameters": list(model.parameters()), "lr": page.LR, **vars(torch.optim)}
    names |= {
        "tensor": partial(torch.tensor, dtype=torch.float64),
        "DataLoader": dict,
        **vars(torch.optim.swa_utils),
        **vars(torch.nn),
    }
    for name in ("clip_grad_norm_", "clip_grad_value_"):
        names[name] = partial(partial, getattr(torch.nn.utils, name))
    first, _, others = text.partition("), ")
    names["optimizer"] = optimizer = eval(first + ")" * bool(others), names)
    names["OneCycleLR"] = torch.optim.lr_scheduler.OneCycleLR
    rest = eval(f"[{others}]", names)
    loss = next((part for part in rest if isinstance(part, torch.nn.CrossEntropyLoss)), torch.nn.CrossEntropyLoss())
    whole = any(part == {"batch_size": page.ROWS} for part in rest)
    for rows in [slice(None)] * page.EPOCHS if whole else BATCHES:
        optimizer.zero_grad()
        loss(model(torch.tensor(X[rows])), torch.tensor(Y[rows])).backward()
        _each(rest, partial, lambda clip: clip())
        optimizer.step()
        _each(rest, torch.optim.swa_utils.AveragedModel, lambda average: average.update_parameters(model))
        _each(rest, torch.optim.lr_scheduler.LRScheduler, lambda schedule: schedule.step())
    averages = [part.module for part in rest if isinstance(part, torch.optim.swa_utils.AveragedModel)]
    ends = [layer for layer in (averages or [model])[0] if isinstance(layer, torch.nn.Linear)]
    scores = [model.eval()(torch.tensor(X)).detach()] if between else []
    return flat([a.detach().numpy().T for layer in ends for a in (layer.weight, layer.bias)] + scores)


def _each(parts: list[Any], kind: type, act: Callable[[Any], object]) -> None:
    for part in parts:
        if isinstance(part, kind):
            act(part)


def with_optax(rule: Any) -> Flat:
    """The parameters after a training."""

    def loss(p: Any, x: Any, y: Any) -> Any:
        hidden = jax.numpy.tanh(x @ p["dense_1/weight"] + p["dense_1/bias"])
        scores = hidden @ p["dense_2/weight"] + p["dense_2/bias"]
        return optax.softmax_cross_entropy_with_integer_labels(scores, y).mean()

    p: Any = {name: jax.numpy.asarray(value) for name, value in page.start().items()}
    state, gradient = rule.init(p), jax.jit(jax.grad(loss))
    for rows in BATCHES:
        changes, state = rule.update(gradient(p, X[rows], Y[rows]), state, p)
        p = optax.apply_updates(p, changes)
    return flat([p[name] for name in page.SHAPES])


def MLPClassifier(**given: Any) -> Flat:  # noqa: N802 - as on the page
    """The parameters after a fit of scikit-learn's."""
    given = {
        "learning_rate_init": page.LR,
        "batch_size": page.BATCH,
        "max_iter": page.EPOCHS,
        "shuffle": False,
        **given,
    }
    model = sklearn.neural_network.MLPClassifier((5,), "tanh", n_iter_no_change=99, **given)
    first = iter(page.start().values())
    model._init_coef = lambda *_: (next(first).copy(), next(first).copy())
    model.fit(X, Y)
    return flat([model.coefs_[0], model.intercepts_[0], model.coefs_[1], model.intercepts_[1]])


def trained(library: str, text: str) -> Flat:
    """The parameters after the training that a cell of the page describes."""
    if library == "PyTorch":
        return with_torch(text)
    if library == "scikit-learn":
        return eval(text, {"MLPClassifier": MLPClassifier})
    names: dict[str, Any] = {"lr": page.LR, "contrib": contrib, "dict": dict}
    if library == "optax":
        return eval(f"train({text})", {**names, **vars(optax), "train": with_optax})
    for module in (keras.optimizers, keras.optimizers.schedules, keras.regularizers, keras.constraints):
        names |= vars(module)
    return eval(f"train({text})", {**names, "train": with_keras})


def with_layer(library: str, text: str) -> Flat:
    """The parameters and scores of a network with that layer in its middle, after descent."""
    if library == "PyTorch":
        return with_torch("SGD(parameters, lr)", eval(text, vars(torch.nn).copy()))
    return with_keras(keras.optimizers.SGD(page.LR), eval(text, vars(keras.layers).copy()))


def trainings(tables: Any) -> dict[str, Flat]:
    """The end of each training of the page."""
    found = {}
    heads, *rows = tables["Optimizers"]
    for rule, *_ in rows:
        for library, text in zip(heads[1:], RULES[rule], strict=True):
            if text:
                found[f"Optimizers | {library} | {rule}"] = trained(library, text)
    for section in (*page.PAIRS, *page.APART):
        run = with_layer if section == "Layers" else trained
        for library, text, *_ in tables[section][1:]:
            found[f"{section} | {library} | {text}"] = run(library, text)
    return found


def main(path: Path = HOME) -> None:
    """Writes the archive."""
    jax.config.update("jax_enable_x64", True)
    keras.config.set_floatx("float64")
    tables = page.tables(page.PAGE.read_text(encoding="utf-8"))
    found = trainings(tables) | values.rates(tables) | values.losses(tables) | values.first_weights(tables)
    found |= values.stops(tables) | {"slow": np.array(values.sklearn_stop(page.SKLEARN_STOPS, page.SLOW))}
    assert all(np.isfinite(a).all() for a in found.values())
    defaults = np.array(json.dumps(values.defaults()))
    np.savez_compressed(path, defaults=defaults, lines=list(found), **{str(i): a for i, a in enumerate(found.values())})


if __name__ == "__main__":
    main()
