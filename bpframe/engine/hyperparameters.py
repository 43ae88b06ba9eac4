"""Hyperparameters: the values of a component's settings at a step, as formulas see them: `h.lr`, `h.inner.beta1`.

h mirrors the constructor: every float argument as its value at this step, every argument that is a component as a
nested h; text, flags and whole numbers stay on the component. Each h, nested ones too, has `step` (from 1: the number
of the batch, or, behind a gradient step that gathers, of the update), and, where they are known, `loss`, `total` (sums
over the model), `param` (in scope "array"), `weight` (of the batch), `rows` and `rule` (the h of the update rule, for
gradient steps). `project(p)` of an update rule's h gives the p of this piece that the constraints allow; p itself where
there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from types import SimpleNamespace
from typing import Any, cast, final

import numpy as np

from bpframe import checks
from bpframe.errors import IncompatibleComponent
from bpframe.protocols import After, Over, Schedule
from bpframe.protocols.implements import implements
from bpframe.registry import arguments, registry
from bpframe.registry.constructor import parameters, wants
from bpframe.registry.describe import title
from bpframe.registry.nested import Nested, is_schedule, parts, plain_numbers
from bpframe.types import Array


def unconstrained(p: Array) -> Array:
    """p itself: the projection where nothing constrains it."""
    return p


KNOWN = {
    "step": 0,
    "loss": None,
    "total": None,
    "param": None,
    "weight": None,
    "rows": None,
    "rule": None,
    "project": unconstrained,
    "key": None,
}
HAVING_SETTINGS = ("optimizer", "gradient_step", "regularizer", "constraint", "augmentation")
# kinds that follow the clock of a run
CLOCKED = ("optimizer", "gradient_step", "regularizer", "augmentation", "schedule")
Curve = Callable[[str], Sequence[float]]  # a curve of the history so far, by name


@final
class Members(SimpleNamespace):
    """The members of one h."""

    def __getattr__(self, name: str) -> Any:
        known = ", ".join(f"h.{each}" for each in vars(self))
        raise AttributeError(
            f"h mirrors the arguments of a constructor that are annotated as float, or as a component (Optimizer, "
            f"Schedule, ...), and needs such an annotation for {name!r}; it has {known}"
        )


@final
class Settings:
    """`h` of one component; `at(step)` gives it the values of that step. `cast` makes numbers of the run's dtype."""

    def __init__(self, component: object, cast: Callable[[float], Any]) -> None:
        self._cast, self._dtype = cast, "float32" if cast is np.float32 else "float64"
        self.levels: list[SimpleNamespace] = []  # h, and those inside it
        self.slots: list[tuple[SimpleNamespace, str, Any]] = []  # of each number: its h, its name, value or schedule
        self.h = self._mirror(component)
        self._scheduled = [slot for slot in self.slots if is_schedule(slot[2])]

    def at(self, step: int, known: Mapping[str, Any] | None = None) -> SimpleNamespace:
        """h for the update that follows `step` updates, with what else is known of it; h.step counts from 1."""
        for h in self.levels:
            vars(h).update(known or ())
            h.step = step + 1
        for h, name, schedule in self._scheduled:
            setattr(h, name, self._cast(_number(schedule, schedule.value(max(step, 0)))))
        return self.h

    @property
    def moving(self) -> bool:
        """Whether a number follows a schedule."""
        return bool(self._scheduled)

    def value(self, h: SimpleNamespace, name: str, step: int) -> float | None:
        """A number of h, or of one inside it, in the update that follows `step` updates; None where it has none."""
        for owner, own, value in self.slots:
            if owner is h and own == name:
                return float(value.value(max(step, 0)) if is_schedule(value) else value)
        return None

    def note(self, **known: Any) -> None:
        """What else is known of this step or this piece, for the component and those inside it."""
        for h in self.levels:
            vars(h).update(known)

    def _check_schedule(self, component: object, name: str, schedule: object) -> None:
        for path, value in plain_numbers(schedule):
            if not checks.fits(value, self._dtype):
                raise checks.out_of_range(_title(component), f"{name}.{path}", value, self._dtype)

    def _mirror(self, component: object) -> SimpleNamespace:
        h = Members(**KNOWN)
        self.levels.append(h)
        for name, value in arguments(component).items():
            want = wants(type(component))[name]
            if want.number and value is not None:
                scheduled = is_schedule(value)  # not known before the first step: its length may be open
                if scheduled:
                    self._check_schedule(component, name, value)
                elif not checks.fits(value, self._dtype) and value != parameters(type(component))[name].default:
                    raise checks.out_of_range(_title(component), name, value, self._dtype)
                setattr(h, name, None if scheduled else self._cast(value))
                self.slots.append((h, name, value))
            elif want.kind and value is not None:
                setattr(h, name, self._mirror(value))
        return h


@final
@dataclass(frozen=True)
class ScaledSchedule:
    """A schedule times a number."""

    schedule: Schedule
    factor: float

    def value(self, step: int) -> float:
        """factor schedule(step)."""
        return self.factor * self.schedule.value(step)


def over(component: object, steps: int, curve: Curve | None = None) -> Any:
    """The component with its schedules told what they depend on: a run of `steps` updates, and the history so far."""
    changed = {}
    for name, _, value in _inner(component):
        told = bound(value, steps, curve)
        if told is not value:
            changed[name] = told
    return type(component)(**{**arguments(component), **changed}) if changed else component


def bound(schedule: Any, steps: int, curve: Curve | None = None) -> Any:
    """A schedule, or another component, that was told of a run of `steps` updates and of the history so far."""
    told = schedule.over(steps) if implements(schedule, Over) else schedule
    return told.after(curve(told.monitor)) if curve and implements(told, After) else over(told, steps, curve)


def monitored_curves(component: object) -> set[str]:
    """The curves of the history on which schedules of the component, or of those inside it, depend."""
    return {schedule.monitor for schedule in monitoring(component)}


def monitoring(component: object) -> Iterator[Any]:
    """The schedules of the component, or of those inside it, that depend on a curve of the history."""
    if implements(component, After):
        yield component
        return
    for _, _, value in _inner(component):
        yield from monitoring(value)


def _title(component: object) -> str:
    """What to call a component of any of the kinds that have settings."""
    own = (registry.provider_of(kind, component) for kind in HAVING_SETTINGS)
    return next((provider.name for provider in own if provider), type(component).__name__)


def value_at(schedule: Schedule, step: int) -> float:
    """The value of a schedule in the update that follows `step` updates."""
    return float(_number(schedule, schedule.value(max(step, 0))))


def _number(schedule: Schedule, value: object) -> float:
    """The value of a schedule, if it is a number."""
    if isinstance(value, Real) or getattr(value, "shape", None) == ():
        return cast(float, value)
    owner = title(registry, "schedule", schedule)
    raise IncompatibleComponent(f"{owner}: value must be a number, got {value!r}.")


def _inner(component: object) -> list[Nested]:
    """The components directly inside that follow a run's clock: rules, gradient steps, regularizers, schedules."""
    return [nested for nested in parts(component) if nested.kind in CLOCKED and "[" not in nested.path]
