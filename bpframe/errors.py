"""Exception classes: every error that bpframe raises on purpose.

    BpframeError
    |-- ConfigError (ValueError)          a setting, argument or config file is wrong
    |-- DataError (ValueError)            x, y or weights are wrong
    |   |-- ShapeError                    ... in their shape
    |   `-- RangeError (NumericalError)   ... in a number too large to compute with
    |-- NumericalError (ArithmeticError)  a loss or a parameter is not finite any more
    |-- CheckpointError                   a model file cannot be written, read or trusted
    |-- PluginError                       a component cannot be used
    |   |-- UnknownComponent (AttributeError, LookupError)   nobody provides that name
    |   |-- AmbiguousComponent            several distributions do
    |   |-- BlockedComponent              the policy forbids its distribution
    |   |-- BrokenComponent               it fails on import or in use
    |   `-- IncompatibleComponent         it lacks members of its kind's protocol
    `-- CheckFailed (AssertionError)      a check of bpframe.testing failed

and two warnings (UserWarning): ColumnWarning, columns that a model does not know are left out; TrainingWarning, a
training goes wrong in a way that can be named.

Messages read: who needs what, got what. Remedy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

__all__ = [
    "AmbiguousComponent",
    "BlockedComponent",
    "BpframeError",
    "BrokenComponent",
    "CheckFailed",
    "CheckpointError",
    "ColumnWarning",
    "ConfigError",
    "DataError",
    "IncompatibleComponent",
    "NumericalError",
    "PluginError",
    "Problem",
    "RangeError",
    "ShapeError",
    "TrainingWarning",
    "UnknownComponent",
]


class BpframeError(Exception):
    """Base class of all errors that bpframe raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a setting: its dotted path, and what is wanted, given and suggested."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(BpframeError, ValueError):
    """A setting, an argument or a config file is wrong; `problems` holds each mistake on its own."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class DataError(BpframeError, ValueError):
    """Inputs, targets or weights cannot be used as they are; `row`: the number of the row to blame, if there is one."""

    row: int | None = None

    def with_text(self, message: str) -> Self:
        """An error of the same kind, about the same row."""
        error = type(self)(message)
        error.row = self.row
        return error


class ShapeError(DataError):
    """An array has the wrong shape."""


class NumericalError(BpframeError, ArithmeticError):
    """A loss or a parameter is not finite; the model holds the last step at which all was.

    `ruined`: whether that step had gone astray already, so that nothing can start from it.
    """

    ruined: bool = False


class RangeError(DataError, NumericalError):
    """A number in x, y or weights is finite, but it or its square is too large for the dtype."""


class CheckpointError(BpframeError):
    """A model file cannot be written, read, or trusted."""


class PluginError(BpframeError):
    """A component cannot be used; the subclasses say why."""


class UnknownComponent(PluginError, AttributeError, LookupError):
    """No installed distribution and no local registration provides a component of this name."""


class AmbiguousComponent(PluginError):
    """Several distributions provide a component of this name; `dist/name` chooses one."""


class BlockedComponent(PluginError):
    """The policy in force forbids the distribution that provides this component."""


class BrokenComponent(PluginError):
    """The component was found, but raises on import or in use; the cause is chained."""


class IncompatibleComponent(PluginError):
    """The component lacks members that the protocol of its kind names."""


class CheckFailed(BpframeError, AssertionError):
    """A check of `bpframe.testing` failed: the component does not keep a law of its kind."""


class ColumnWarning(UserWarning):
    """Rows have columns that the model does not know; they are left out."""


class TrainingWarning(UserWarning):
    """A training goes wrong in a way that can be named: units that never fire, a learning rate that is too high."""
