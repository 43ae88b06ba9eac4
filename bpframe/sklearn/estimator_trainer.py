"""The trainer of an estimator: its construction, and the exchange of parameters between the two.

Shapes: x (N, n) rows, y (N,) or (N, C) as the estimator encodes it, weight (N,).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from bpframe import tree
from bpframe.errors import ConfigError
from bpframe.network.network import Network
from bpframe.registry import arguments, build
from bpframe.sklearn import architecture, coefs, estimator_losses, solvers
from bpframe.sklearn.initial_parameters import InitialParameters
from bpframe.sklearn.lbfgs import MinimizationLog, ScipyLbfgs
from bpframe.sklearn.penalty import Penalty
from bpframe.sklearn.validation import Rows
from bpframe.training.trainer import Trainer
from bpframe.types import Params


def reset_attributes(model: BaseEstimator) -> None:
    """Give the model the attributes of an estimator before its first epoch."""
    vars(model).pop("_trainer", None)
    vars(model).update(initial_attributes(model))


def initial_attributes(model: BaseEstimator) -> dict[str, Any]:
    """The attributes of an estimator before its first epoch: counts, curves, best scores."""
    counts = {"n_iter_": 0, "t_": 0, "_no_improvement_count": 0, "loss_curve_": [], "_best": {}}
    losses = {"best_loss_": None if model.early_stopping else np.inf}
    return {**counts, **losses, "validation_scores_": None, "best_validation_score_": None}


def push_parameters(model: BaseEstimator) -> None:
    """Copy parameters that the user has changed on the model to the trainer."""
    current = model._trainer.session.parameters
    changed = coefs.changed_parameters(model._parameters_by_name(), current)
    if changed:
        model._trainer.session.assign({**current, **changed})


def pull_parameters(model: BaseEstimator) -> None:
    """Copy the trainer's parameters to the model's attributes."""
    values = model._trainer.session.parameters
    model._names = list(values)
    model.coefs_, model.intercepts_, model._rest = coefs.split_parameters(values)
    model.n_layers_ = len(model.coefs_) + 1


def create_trainer(model: BaseEstimator, rows: Rows, first: bool, random: np.random.RandomState) -> None:
    """Give the model a trainer with initial parameters: scikit-learn's random ones, or those of the previous fit."""
    settings, dtype = arguments(model), model._own_dtype(rows[0])

    def initial(params: Params) -> Params:
        values = tree.flatten(params)
        if not first:
            values = _previous_parameters(model, values, dtype)
        elif model.hidden_layers is None:
            values = _random_parameters(values, settings, random)
        for name, value in values.items():
            tree.assign(params, tuple(name.split("/")), value)
        return params

    loss, outputs = model._loss_for(rows[1])
    optimizer, model._rate = (_lbfgs(model), None) if model.solver == "lbfgs" else solvers.build_optimizer(settings)
    network = Network(architecture.layer_specs(settings, outputs), inputs=rows[0].shape[1])
    trainer = Trainer(
        network,
        loss,
        optimizer,
        seed=_seed(random),
        engine=InitialParameters(build("engine", model.engine), initial),
        dtype=dtype.name,
        metrics=(),
        regularizers=[penalty(model)],  # also if it is 0: a change of it must not change parameter groups
        gradient_steps=_gradient_steps(model),
        standardize_target=getattr(model, "standardize_target", False),
        weights_by_batch=model.weights_by_batch,
        augmentations=list(model.augmentations),
    )
    model.out_activation_ = estimator_losses.output_activation(loss)
    if hasattr(model, "_trainer"):
        trainer.history = model._trainer.history
        if trainer.standardize_target and not first:  # the parameters go on with the scale that they were trained with
            trainer.task = replace(trainer.task, learned=model._trainer.task.learned)
    model._trainer, _ = trainer, trainer.session


def _random_parameters(
    params: coefs.ArraysByName, settings: Mapping[str, Any], random: np.random.RandomState
) -> coefs.ArraysByName:
    """scikit-learn's random initial values, for a network with parameters of these names and shapes."""
    shapes = [params[name].shape for name in coefs.parameter_names(params, "weight")]
    weights, biases = architecture.initial_values(shapes, settings, random)
    return coefs.join_parameters(params, weights, biases, coefs.split_parameters(params)[2])


def _previous_parameters(model: BaseEstimator, params: coefs.ArraysByName, dtype: Any) -> coefs.ArraysByName:
    """The parameters of the previous fit, for a network with parameters of these names and shapes."""
    rest = getattr(model, "_rest", coefs.split_parameters(params)[2])
    values = coefs.join_parameters(params, model.coefs_, model.intercepts_, rest, dtype)
    for name, value in values.items():
        if value.shape != params[name].shape:
            raise ConfigError(
                f"warm_start needs the layers of the previous fit, got '{name}' of shape {params[name].shape} in the "
                f"place of {value.shape}. Keep the layers as they were, or set warm_start=False."
            )
    return values


def _seed(random: np.random.RandomState) -> int:
    """A seed for masks and noise: a checksum of the state of `random`, which is not advanced."""
    state: Any = random.get_state()
    return zlib.crc32(state[1], state[2])  # its words, and the position in them


def _gradient_steps(model: BaseEstimator) -> list[Any]:
    norm, value = model.clip_norm, model.clip_value
    steps = [{"name": "clip_global_norm", "limit": float(norm)}] if norm else []
    return steps + ([{"name": "clip_value", "limit": float(value)}] if value else [])


def penalty(model: BaseEstimator, rows: Rows | None = None, size: int = 1) -> Penalty:
    """The penalty for batches of `size` rows; a minimizer gets one unit for the whole data set instead."""
    weight, unit = None if rows is None else rows[2], 1.0
    minimizing = rows is not None and model._trainer.optimizer.scope == "objective"
    if minimizing:
        unit = float(size if weight is None else weight.mean() * size)
    elif weight is not None:
        unit = float(weight.max() if model.weights_by_batch else weight.mean())
    weightless = weight is not None and not weight.all()
    return Penalty(float(model.alpha), float(model.l1), unit, not minimizing, weightless)


def _lbfgs(model: BaseEstimator) -> ScipyLbfgs:
    return ScipyLbfgs(
        model.max_iter,
        model.max_fun,
        model.tol,
        MinimizationLog(model.loss_curve_, bool(model.verbose)),
        model.max_time,
    )
