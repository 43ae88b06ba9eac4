"""The current values of a component's settings, as its formulas see them: `h.lr`, `h.inner.beta1`, `h.step`.

h mirrors the constructor: every float argument as its value at this step, every argument that is a component as a
nested h; text, flags and whole numbers stay on the component.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, final

from bpframe.protocols import Over
from bpframe.registry import arguments
from bpframe.registry.annotations import wanted
from bpframe.registry.builder import parameters


@final
class Settings:
    """`h` of one component; `at(step)` gives it the values of that step. `cast` makes numbers of the run's dtype."""

    def __init__(self, component: Any, cast: Callable[[float], Any]) -> None:
        self.h = SimpleNamespace(step=0, loss=None, total=None, param=None)
        self._cast = cast
        self._scheduled: list[tuple[SimpleNamespace, str, Any]] = []
        self._mirror(component, self.h)

    def at(self, step: int) -> SimpleNamespace:
        """h for the update that follows `step` updates; h.step counts from 1."""
        self.h.step = step + 1
        for h, name, schedule in self._scheduled:
            setattr(h, name, self._cast(schedule.value(step)))
        return self.h

    def _mirror(self, component: Any, h: SimpleNamespace) -> None:
        known = parameters(type(component))
        for name, value in arguments(component).items():
            want = wanted(known[name])
            if want.number and value is not None:
                if hasattr(value, "value"):
                    setattr(h, name, None)  # until the first step: a schedule may not know its length yet
                    self._scheduled.append((h, name, value))
                else:
                    setattr(h, name, self._cast(value))
            elif want.kind and value is not None:
                inner = SimpleNamespace()
                setattr(h, name, inner)
                self._mirror(value, inner)


def over(component: Any, steps: int) -> Any:
    """The component with every schedule whose length was left open set to a run of `steps` updates."""
    changed = {}
    for name, value in arguments(component).items():
        fitted = value.over(steps) if isinstance(value, Over) else value
        if wanted(parameters(type(component))[name]).kind in ("optimizer", "gradient_step", "regularizer"):
            fitted = over(value, steps)
        if fitted is not value:
            changed[name] = fitted
    return type(component)(**{**arguments(component), **changed}) if changed else component
