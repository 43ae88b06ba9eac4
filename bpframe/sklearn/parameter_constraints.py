"""The parameter constraints of the estimators, in the form that scikit-learn checks at the start of a fit."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, final

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions

from bpframe import checks
from bpframe.errors import PluginError
from bpframe.registry import registry
from bpframe.registry.lookup import REGISTER
from bpframe.sklearn.solvers import POLICIES


@final
class ComponentConstraint(HasMethods):  # type: ignore[misc]  # scikit-learn has no types
    """A component of a kind: a name (scikit-learn's own or a plugin's), a mapping with `name`, or a ready object.

    scikit-learn takes constraints of its own classes only; of those HasMethods is the nearest.
    """

    def __init__(self, kind: str, *names: str) -> None:
        super().__init__("__class__")
        self.kind, self.names = kind, names

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether the component exists; the arguments of a mapping are checked when it is built."""
        if isinstance(val, str):
            return val in self.names or _is_installed(self.kind, val)
        if isinstance(val, Mapping):
            return isinstance(val.get("name"), str)
        return not isinstance(val, type) and not registry.kind(self.kind).missing(val)

    def __str__(self) -> str:
        names = sorted({*self.names, *registry.names(self.kind)})
        listing = f"a str among {{{', '.join(map(repr, names))}}}"
        return f"{listing}, a mapping with such a name, or a ready {self.kind}.{REGISTER}"


def _is_installed(kind: str, name: str) -> bool:
    try:
        registry.find(kind, name)
    except PluginError:
        return False
    return True


@final
class FloatInterval(Interval):  # type: ignore[misc]  # scikit-learn has no types
    """An interval of the numbers that a float can come near to: whole numbers have no end."""

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether the number lies in the interval, and is one of float64."""
        return bool(super().is_satisfied_by(val)) and checks.fits(val, "float64")


def at_least(least: int, closed: str = "left") -> Interval:
    """A number from `least` on."""
    return FloatInterval(Real, least, None, closed=closed)


POSITIVE_INTEGER = Interval(Integral, 1, None, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", POSITIVE_INTEGER],
    "activation": [ComponentConstraint("activation", "identity", "logistic", "tanh", "relu"), "array-like"],
    "solver": [ComponentConstraint("optimizer", "lbfgs", "sgd", "adam")],
    "alpha": [at_least(0)],
    "batch_size": [StrOptions({"auto"}), POSITIVE_INTEGER],
    "learning_rate": [ComponentConstraint("schedule", *POLICIES)],
    "learning_rate_init": [at_least(0, "neither")],
    "power_t": [at_least(0)],
    "max_iter": [POSITIVE_INTEGER],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [at_least(0)],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [at_least(0, "neither")],
    "n_iter_no_change": [POSITIVE_INTEGER, Options(Real, {np.inf})],
    "max_fun": [POSITIVE_INTEGER],
    "hidden_layers": ["array-like", None],
    "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
    "batch_norm": ["boolean"],
    "l1": [at_least(0)],
    "clip_norm": [at_least(0, "neither"), None],
    "clip_value": [at_least(0, "neither"), None],
    "validation_set": [tuple, list, None],
    "monitor": [str, dict, callable, HasMethods("value"), None],
    "engine": [ComponentConstraint("engine", "numpy", "jax")],
    "callbacks": ["array-like"],
    "max_time": [at_least(0, "neither"), None],
    "dtype": [StrOptions({"auto", "float32", "float64"})],
    "weights_by_batch": ["boolean"],
    "augmentations": ["array-like"],
}
CLASSIFIER: dict[str, list[Any]] = {
    **CONSTRAINTS,
    "loss": [ComponentConstraint("loss", "log_loss")],
    "class_weight": [StrOptions({"balanced"}), dict, list, None],
}
REGRESSOR: dict[str, list[Any]] = {
    **CONSTRAINTS,
    "loss": [ComponentConstraint("loss", "squared_error", "poisson")],
    "standardize_target": ["boolean"],
}
