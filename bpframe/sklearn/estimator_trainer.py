"""The trainer of an estimator, and its parameters on their way between the two.

Shapes: x (N, n) rows, y (N,) or (N, C) as the estimator encodes it, weight (N,).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from bpframe import tree
from bpframe.errors import ConfigError
from bpframe.network.network import Network
from bpframe.registry import arguments, build
from bpframe.sklearn import architecture, coefs, losses, solvers
from bpframe.sklearn.lbfgs import Outcome, ScipyLbfgs
from bpframe.sklearn.penalty import Penalty
from bpframe.sklearn.picklable_engine import Lasting
from bpframe.sklearn.validation import Rows
from bpframe.training.trainer import Trainer
from bpframe.types import Params


def begin(model: Any) -> None:
    """The attributes of a model that nothing was fitted to yet."""
    vars(model).pop("_trainer", None)
    vars(model).update(fresh(model))


def fresh(model: Any) -> dict[str, Any]:
    counts = {"n_iter_": 0, "t_": 0, "_no_improvement_count": 0, "loss_curve_": [], "_best": {}}
    losses = {"best_loss_": None if model.early_stopping else np.inf}
    return {**counts, **losses, "validation_scores_": None, "best_validation_score_": None}


def push(model: Any) -> None:
    """Parameters that the user has changed since they were pulled go to the trainer."""
    present = model._trainer.session.parameters
    changed = coefs.differing(model._named(), present)
    if changed:
        model._trainer.session.assign({**present, **changed})


def pull(model: Any) -> None:
    """The trainer's parameters as the model's attributes."""
    values = model._trainer.session.parameters
    model._names = list(values)
    model.coefs_, model.intercepts_, model._rest = coefs.split(values)
    model.n_layers_ = len(model.coefs_) + 1


def opened(model: Any, rows: Rows, first: bool, random: np.random.RandomState) -> None:
    """A trainer with first parameters: drawn as scikit-learn draws them, or those of the fit before."""
    given, dtype = arguments(model), rows[0].dtype

    def start(params: Params) -> Params:
        known = tree.flatten(params)
        if first:
            known = known if model.hidden_layers is not None else _drawn(known, given, random)
        else:
            known = _kept(model, known, dtype)
        for name, value in known.items():
            tree.assign(params, tuple(name.split("/")), value)
        return params

    loss, outputs = model._loss_for(rows[1])
    rule, model._rate = (_lbfgs(model), None) if model.solver == "lbfgs" else solvers.rule(given)
    network = Network(architecture.specifications(given, outputs), inputs=rows[0].shape[1])
    trainer = Trainer(
        network,
        loss,
        rule,
        seed=_seed(random),
        engine=Lasting(build("engine", model.engine), start),
        dtype=dtype.name,
        metrics=(),
        regularizers=[penalty(model)],  # even where it is 0: parameters keep their groups when it is changed
        gradient_steps=_gradient_steps(model),
    )
    model.out_activation_ = losses.link(loss)
    if hasattr(model, "_trainer"):
        trainer.history = model._trainer.history
    model._trainer, _ = trainer, trainer.session


def _drawn(known: coefs.Named, given: Mapping[str, Any], random: np.random.RandomState) -> coefs.Named:
    """The first values that scikit-learn draws, for a network whose parameters are `known`."""
    shapes = [known[name].shape for name in coefs.names(known, "weight")]
    return coefs.joined(known, *architecture.first_values(shapes, given, random), coefs.split(known)[2])


def _kept(model: Any, known: coefs.Named, dtype: Any) -> coefs.Named:
    """The parameters of the fit before, for a network whose parameters are `known`."""
    rest = getattr(model, "_rest", coefs.split(known)[2])
    values = coefs.joined(known, model.coefs_, model.intercepts_, rest, dtype)
    for name, value in values.items():
        if value.shape != known[name].shape:
            raise ConfigError(
                f"warm_start needs the layers of the previous fit, got '{name}' of shape {known[name].shape} in the "
                f"place of {value.shape}. Keep the layers as they were, or set warm_start=False."
            )
    return values


def _seed(random: np.random.RandomState) -> int:
    """A number that follows from the state of `random` and leaves it as it is, for masks and noise."""
    state: Any = random.get_state()
    return zlib.crc32(state[1], state[2])  # its words, and the place in them


def _gradient_steps(model: Any) -> list[Any]:
    norm, value = model.clip_norm, model.clip_value
    steps = [{"name": "clip_global_norm", "limit": float(norm)}] if norm else []
    return steps + ([{"name": "clip_value", "limit": float(value)}] if value else [])


def penalty(model: Any, rows: Rows | None = None, size: int = 1) -> Penalty:
    """The penalty for batches of `size` rows; a rule that asks for the objective is told no batch's weight."""
    weight, unit = None if rows is None else rows[2], 1.0
    minimizing = rows is not None and model._trainer.optimizer.scope == "objective"
    if minimizing:
        unit = float(size if weight is None else weight.mean() * size)
    elif weight is not None:
        unit = float(weight.max())
    return Penalty(float(model.alpha), float(model.l1), unit, not minimizing)


def _lbfgs(model: Any) -> ScipyLbfgs:
    return ScipyLbfgs(
        model.max_iter, model.max_fun, model.tol, Outcome(model.loss_curve_, bool(model.verbose)), model.max_time
    )
