"""Owners of what is recorded: the component that computes at present, which errors name.

What a component asks of recorded arrays and no graph can hold becomes an error that says who asked for what.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bpframe.errors import BpframeError, IncompatibleComponent
from bpframe.export.recorded_array import OWNER, Unrecorded
from bpframe.registry import registry
from bpframe.registry.describe import title
from bpframe.registry.nested import walk
from bpframe.training.diagnosis import culprit


@contextmanager
def recording_of(kind: str, component: object, method: str, label: str = "") -> Iterator[None]:
    """A block in which a component's method runs on recorded arrays; IncompatibleComponent for what it cannot do."""
    owner = f"{_owner(kind, component)}{label and f' ({label})'}"
    before = OWNER.set(owner)
    try:
        yield
    except Unrecorded as error:
        raise IncompatibleComponent(f"{owner} cannot be exported: {method} asks for {error}.") from error
    except BpframeError:
        raise
    except Exception as error:
        raise IncompatibleComponent(
            f"{owner} cannot be exported: {method} fails where arrays are recorded: {type(error).__name__}: {error}. "
            "Write it in functions of x.__array_namespace__()."
        ) from error
    finally:
        OWNER.reset(before)


@contextmanager
def recording_by(kinds: Mapping[type, str]) -> Iterator[None]:
    """A block in which components of these classes run on recorded arrays; errors name the innermost on the stack."""
    try:
        yield
    except BpframeError:
        raise
    except Exception as error:
        guilty = culprit(error, kinds)
        if guilty is None:
            raise
        component, frame, line = guilty
        owner, method = title(registry, kinds[type(component)], component), frame.f_code.co_name
        asks = f"asks for {error}" if isinstance(error, Unrecorded) else f"fails: {type(error).__name__}: {error}"
        raise IncompatibleComponent(
            f"{owner} cannot be exported: {method} ({frame.f_code.co_filename}:{line}) {asks}."
        ) from error


def _owner(kind: str, component: object) -> str:
    """The component, or the foreign one inside it, which is the likelier cause."""
    inside = (title(registry, inner, part) for _, inner, part in walk(kind, component) if not registry.owns(type(part)))
    return next(inside, title(registry, kind, component))
