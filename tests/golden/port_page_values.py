"""What the lines of the page on porting give that are no trainings: rates, losses, first weights."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np
import optax
import port_page as page
import sklearn.neural_network._base as of_sklearn
import torch
from optax import contrib
from sklearn.neural_network import MLPClassifier

Found = dict[str, np.ndarray]
SKLEARN_DRAWS = np.random.RandomState(0)


# --------------------------------------------------------------------------------------------------- learning rates


def rates(tables: Any) -> Found:
    """The values of schedules before each update, and of plateaus before each epoch of CURVE."""
    of = {"Keras": keras_rates, "PyTorch": torch_rates, "optax": optax_rates}
    lines = tables["Learning rates"][1:]
    return {f"Learning rates | {library} | {there}": np.array(of[library](there)) for library, there, _ in lines}


def keras_rates(text: str) -> list[float]:
    """Those of a schedule, or of a callback."""
    rule = eval(text, {**vars(keras.optimizers.schedules), **vars(keras.callbacks)})
    if not isinstance(rule, keras.callbacks.Callback):
        return [float(rule(step)) for step in range(page.UPDATES)]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    rule.set_model(model)
    rule.on_train_begin()
    found = []
    for epoch, value in enumerate(page.CURVE):
        found.append(float(np.asarray(model.optimizer.learning_rate)))
        rule.on_epoch_end(epoch, {"loss": value})
    return found


def torch_rates(text: str) -> list[float]:
    """Those of a scheduler that is stepped after each update, or each epoch."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    rule = eval(text, {**vars(torch.optim.lr_scheduler), "optimizer": optimizer})
    plateau = isinstance(rule, torch.optim.lr_scheduler.ReduceLROnPlateau)
    found = []
    for value in page.CURVE if plateau else range(page.UPDATES):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rule.step(value) if plateau else rule.step()
    return found


def optax_rates(text: str) -> list[float]:
    """Those of a schedule, or 0.1 times the scale of a transformation."""
    rule = eval(text, {**vars(optax), "contrib": contrib})
    if callable(rule):
        return [float(rule(step)) for step in range(page.UPDATES)]
    p = np.zeros(1)
    state, found = rule.init(p), []
    for value in page.CURVE:
        found.append(0.1 * float(state.scale))
        _, state = rule.update(p, state, value=value)
    return found


# ----------------------------------------------------------------------------------------------------------- losses


def losses(tables: Any) -> Found:
    """The loss of the page's scores, reduced over rows and outputs as the library does it."""
    found = {}
    heads, *rows = tables["Losses"]
    for here, *cells in rows:
        z, y = page.scores(), page.target(here)
        for library, cell in zip(heads[1:], cells, strict=True):
            if cell:
                there = cell.split("` ")[0]
                found[f"Losses | {library} | {there}"] = np.array(loss(library, there, z, y))
    return found


def loss(library: str, text: str, z: np.ndarray, y: np.ndarray) -> float:
    """One number."""
    if library == "Keras":
        return float(eval(text, vars(keras.losses).copy())(y, z))
    if library == "PyTorch":
        target = torch.tensor(y.argmax(1) if "MultiMargin" in text else y)
        return float(eval(text, {**vars(torch.nn), "tensor": torch.tensor})(torch.tensor(z), target))
    if library == "optax":
        return float(np.mean(eval(text, {**vars(optax.losses), **vars(optax)})(z, y)))
    if text == "MLPRegressor":
        return float(of_sklearn.squared_loss(y, z))
    return float(of_sklearn.log_loss(y, np.exp(z) / np.exp(z).sum(1, keepdims=True)))


# ----------------------------------------------------------------------------------------------------- first weights


def first_weights(tables: Any) -> Found:
    """Quantiles of the first weights of many layers of 400 inputs and 100 outputs."""
    torch.manual_seed(0)
    keras.utils.set_random_seed(0)
    found = {}
    for library, there, _ in tables["First weights"][1:]:
        many = 2000 if there.endswith((".bias", ".intercepts_")) else 25
        drawn = [draws(library, there) for _ in range(many)]
        found[f"First weights | {library} | {there}"] = np.quantile(np.concatenate(drawn), page.QUANTILES)
    return found


def draws(library: str, text: str) -> np.ndarray:
    """All first weights of one layer."""
    if library == "Keras":
        return np.asarray(eval(text, vars(keras.initializers).copy())((400, 100))).ravel()
    if library == "scikit-learn":
        call, _, name = text.rpartition(".")
        model = eval(call, {"MLPClassifier": MLPClassifier})
        model._random_state = SKLEARN_DRAWS
        return model._init_coef(400, 100, np.float64)[name == "intercepts_"].ravel()
    names = {**vars(torch.nn), **vars(torch.nn.init), "weight": torch.empty(100, 400)}
    return eval(text, names).detach().numpy().ravel()


# --------------------------------------------------------------------------------------------------------- the loop


def stops(tables: Any) -> Found:
    """After how many epochs of CURVE the fit ends."""
    found = {}
    for library, there, *_ in tables["The loop"][1:]:
        ends = keras_stop(there) if library == "Keras" else sklearn_stop(there)
        found[f"The loop | {library} | {there}"] = np.array(ends)
    return found


def keras_stop(text: str) -> int:
    """By a callback."""
    rule = eval(text, vars(keras.callbacks).copy())
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.stop_training = False
    rule.set_model(model)
    rule.on_train_begin()
    for epoch, value in enumerate(page.CURVE):
        rule.on_epoch_end(epoch, {"loss": value})
        if model.stop_training:
            return epoch + 1
    return len(page.CURVE)


def sklearn_stop(text: str, curve: tuple[float, ...] = page.CURVE) -> int:
    """By the count of an estimator."""
    model = eval(text, {"MLPClassifier": MLPClassifier})
    model.loss_curve_, model.best_loss_, model._no_improvement_count = [], np.inf, 0
    for epoch, value in enumerate(curve):
        model.loss_curve_.append(value)
        model._update_no_improvement_count(False, None, None, None)
        if model._no_improvement_count > model.n_iter_no_change:
            return epoch + 1
    return len(curve)


# --------------------------------------------------------------------------------------------------------- defaults


def defaults() -> dict[str, dict[str, str]]:
    """The defaults of signatures, as text, by line and library."""
    of_keras, of_torch = keras.optimizers, torch.optim
    rules = {"Adam": "Adam", "Adamax": "Adamax", "Nadam": "NAdam", "Adagrad": "Adagrad", "Adadelta": "Adadelta"}
    rules |= {"RMSprop": "RMSprop", "Adafactor": "Adafactor", "Muon": "Muon", "SGD": "SGD"}
    found = {
        f"lr of {there}": {
            "Keras": default(getattr(of_keras, here), "learning_rate"),
            "PyTorch": default(getattr(of_torch, there), "lr"),
        }
        for here, there in rules.items()
    }
    for name in ("SGD", "Adam"):
        found[f"lr of {name}"]["scikit-learn"] = default(MLPClassifier, "learning_rate_init")
    loader, stopping = torch.utils.data.DataLoader, keras.callbacks.EarlyStopping
    return found | {
        "lr of Lion": {"Keras": default(of_keras.Lion, "learning_rate")},
        "epochs": {"Keras": default(keras.Model.fit, "epochs"), "scikit-learn": default(MLPClassifier, "max_iter")},
        "batch size": {
            "Keras": str(keras_batch()),
            "PyTorch": default(loader, "batch_size"),
            "scikit-learn": str(sklearn_batch()),
        },
        "shuffled": {
            "Keras": default(keras.Model.fit, "shuffle"),
            "PyTorch": str(bool(inspect.signature(loader).parameters["shuffle"].default)),
            "scikit-learn": default(MLPClassifier, "shuffle"),
        },
        "early stopping, patience": {
            "Keras": default(stopping, "patience"),
            "scikit-learn": default(MLPClassifier, "n_iter_no_change"),
        },
        "early stopping, best parameters put back": {"Keras": default(stopping, "restore_best_weights")},
        "momentum of SGD": {
            "Keras": default(of_keras.SGD, "momentum"),
            "PyTorch": default(of_torch.SGD, "momentum"),
            "scikit-learn": default(MLPClassifier, "momentum"),
        },
        "decay of an average of parameters": {
            "Keras": default(of_keras.SGD, "ema_momentum"),
            "PyTorch": default(torch.optim.swa_utils.get_ema_multi_avg_fn, "decay"),
        },
        "batch norm, momentum": {
            "Keras": default(keras.layers.BatchNormalization, "momentum"),
            "PyTorch": default(torch.nn.BatchNorm1d, "momentum"),
        },
        "batch norm, eps": {
            "Keras": default(keras.layers.BatchNormalization, "epsilon"),
            "PyTorch": default(torch.nn.BatchNorm1d, "eps"),
        },
        "plateau, patience": {
            "Keras": default(keras.callbacks.ReduceLROnPlateau, "patience"),
            "PyTorch": default(torch.optim.lr_scheduler.ReduceLROnPlateau, "patience"),
        },
        "plateau, factor": {
            "Keras": default(keras.callbacks.ReduceLROnPlateau, "factor"),
            "PyTorch": default(torch.optim.lr_scheduler.ReduceLROnPlateau, "factor"),
        },
        "weight decay of AdamW": {
            "Keras": default(of_keras.AdamW, "weight_decay"),
            "PyTorch": default(of_torch.AdamW, "weight_decay"),
        },
        "alpha of focal loss": {"Keras": default(keras.losses.CategoricalFocalCrossentropy, "alpha")},
        "dropout": {"PyTorch": default(torch.nn.Dropout, "p")},
    }


def default(call: Any, name: str) -> str:
    """The default of an argument, as text."""
    return str(inspect.signature(call).parameters[name].default)


def keras_batch() -> int:
    """The rows of a batch where nobody says how many: from how many updates an epoch of 96 rows has."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.zeros((96, 1)), np.zeros((96, 1)), verbose=0)
    return 96 // int(model.optimizer.iterations)


def sklearn_batch() -> int:
    """The same of scikit-learn, of 600 rows."""
    model = MLPClassifier((1,), max_iter=1).fit(np.zeros((600, 1)), np.arange(600) % 2)
    return 600 // model._optimizer.t
