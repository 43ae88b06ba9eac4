"""Which solvers offer partial_fit."""

from __future__ import annotations

from typing import Any

from bpframe.registry import build


def stochastic(model: Any) -> bool:
    """Whether the solver goes by batches; AttributeError in scikit-learn's words otherwise."""
    if model.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True


def probabilistic(model: Any) -> bool:
    """Whether the loss's predictions are probabilities; AttributeError otherwise."""
    loss = model.loss
    link = "softmax" if loss == "log_loss" else build("loss", loss).link
    if link not in ("softmax", "sigmoid"):
        raise AttributeError(f"predict_proba needs a loss with probabilities, got {loss!r}. Take log_loss or focal.")
    return True
