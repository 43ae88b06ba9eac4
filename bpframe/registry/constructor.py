"""The signature of a component's constructor, and the arguments that a ready component was made with."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from bpframe.errors import ConfigError
from bpframe.registry.annotations import Wanted, wanted
from bpframe.registry.labelled import unlabelled

Component = Callable[..., Any]  # a component's class, or a function that makes it


@functools.lru_cache(maxsize=1024)
def _parameters(component: Component) -> Mapping[str, inspect.Parameter]:
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    if isinstance(component, type) and not any("__init__" in vars(base) for base in component.__mro__[:-1]):
        return {}  # it takes no arguments, but inspect would show object's *args
    signature = inspect.signature(component)
    return {name: parameter for name, parameter in signature.parameters.items() if parameter.kind in by_name}


@functools.lru_cache(maxsize=1024)
def _wants(component: Component) -> Mapping[str, Wanted]:
    return {name: wanted(parameter) for name, parameter in _parameters(component).items()}


@functools.lru_cache(maxsize=1024)
def _required(component: Component) -> Mapping[str, inspect.Parameter]:
    return {name: p for name, p in _parameters(component).items() if p.default is inspect.Parameter.empty}


def parameters(component: Component) -> Mapping[str, inspect.Parameter]:
    """The constructor's parameters by name, without those that cannot be given by name."""
    return _parameters(component)


def required_arguments(component: Component) -> Mapping[str, inspect.Parameter]:
    """Those without a default."""
    return _required(component)


def wants(component: Component) -> Mapping[str, Wanted]:
    """What each of the constructor's parameters accepts, by name."""
    return _wants(component)


def arguments(component: object) -> dict[str, Any]:
    """The arguments a ready component was made with: its attributes named like the constructor's parameters."""
    component = unlabelled(component)
    names = parameters(type(component))
    try:
        return {name: getattr(component, name) for name in names}
    except AttributeError:
        missing = next(name for name in names if not hasattr(component, name))
        owner = type(component).__name__
        raise ConfigError(f"{owner} must keep its argument '{missing}' as an attribute of that name.") from None
