"""Arrays of unknown values: they compute as NumPy's do, but give Python no number, as in a compiler they have none.

Any function of NumPy takes them, and gives them back. What asks for a value, `float(x)`, `if x > 0`, `x.item()`, fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np

from bpframe.errors import CheckFailed
from bpframe.ops.control_flow import WHEN, array_leaves
from bpframe.testing.laws.array_api import Compute, mapped
from bpframe.testing.report import SkipCheck
from bpframe.types import HostArray


class ValueAsked(Exception):
    """Python asked an array for its value."""


@final
class UnknownArray(np.ndarray):
    """An array that computes, but tells no value."""

    def __array_ufunc__(self, ufunc: object, method: str, *inputs: object, **options: object) -> Any:
        return unknown(getattr(ufunc, method)(*_known(inputs), **_known(options)))

    def __array_function__(self, function: Callable[..., Any], _: object, arguments: object, options: object) -> Any:
        return unknown(function(*_known(arguments), **_known(options)))

    def __getitem__(self, key: object) -> Any:
        return unknown(self.view(np.ndarray)[_known(key)])

    def __setitem__(self, key: object, value: object) -> None:
        self.view(np.ndarray)[_known(key)] = _known(value)

    def __pow__(self, exponent: Any, modulo: None = None) -> Any:  # NumPy 2.1 asks for an exponent's value
        return unknown(np.power(_known(self), _known(exponent)))

    def __rpow__(self, base: Any, modulo: None = None) -> Any:
        return unknown(np.power(base, _known(self)))

    def __float__(self) -> float:
        raise ValueAsked("float")

    def __int__(self) -> int:
        raise ValueAsked("int")

    def __index__(self) -> int:
        raise ValueAsked("a whole number")

    def __complex__(self) -> complex:
        raise ValueAsked("complex")

    def __bool__(self) -> bool:
        raise ValueAsked("True or False")

    def item(self, *_: object) -> Any:
        """Fails."""
        raise ValueAsked("item")

    def tolist(self) -> Any:
        """Fails."""
        raise ValueAsked("tolist")


def _either(flag: Any, f: Callable[..., Any], g: Callable[..., Any], *args: Any) -> Any:
    """`ops.when` where the flag is not known: both branches are computed, and have to give arrays alike."""
    results = f(*args), g(*args)
    one, other = ([(leaf.shape, leaf.dtype) for leaf in array_leaves(result)] for result in results)
    if one != other:
        raise CheckFailed(f"ops.when needs branches that give the same shapes and dtypes, got {one}, {other}.")
    return results[0] if _known(flag) else results[1]


WHEN[UnknownArray] = _either


def unknown(structure: object) -> Any:
    """The structure with its arrays and NumPy's scalars as arrays of unknown values."""
    return _changed(lambda array: np.asarray(array).view(UnknownArray), structure, (np.ndarray, np.generic))


def require_no_values(compute: Compute) -> None:
    """CheckFailed where a component asks an array for its value; skipped where it takes no such arrays at all."""
    try:
        compute(lambda structure: mapped(unknown, structure))
    except (SkipCheck, CheckFailed):
        raise
    except ValueAsked as asked:
        raise CheckFailed(
            f"asks an array for its value ({asked}), which a compiling engine does not have. Leave numbers in arrays: "
            "xp.where or ops.when for if, xp.sqrt and the like for math and float."
        ) from asked
    except Exception as error:
        raise SkipCheck(f"it does not compute on arrays of a subclass of NumPy's: {error}") from error


def _known(structure: object) -> Any:
    return _changed(lambda array: array.view(np.ndarray), structure, (UnknownArray,))


def _changed(change: Callable[[Any], HostArray], structure: object, types: tuple[type, ...]) -> Any:
    """The structure, of tuples, lists and mappings, with what has one of the types changed."""
    if isinstance(structure, types):
        return change(structure)
    if isinstance(structure, list | tuple):
        items = [_changed(change, item, types) for item in structure]
        return type(structure)(*items) if hasattr(structure, "_fields") else type(structure)(items)
    if isinstance(structure, Mapping):
        return {key: _changed(change, item, types) for key, item in structure.items()}
    return structure
