"""The device of a compiled run, and the types in which it computes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, cast, final

import jax
import numpy as np

from bpframe.errors import BrokenComponent, ConfigError
from bpframe.registry import registry
from bpframe.registry.safe_text import error_text
from bpframe.types import HostArray

WIDE = 1024  # bytes of a row
TWICE = 2**30  # bytes
PRECISION = {"highest": "highest", "tf32": "tensorfloat32", "bf16": "bfloat16"}


@final
class Device:
    """A device of JAX's, a dtype, and a precision of matrix products."""

    def __init__(self, name: str | None, precision: str, dtype: str) -> None:
        """`name` as "gpu" or "gpu:1", None for JAX's default; ConfigError where there is no such device."""
        refuse_fork()
        self.dtype, self.precision = dtype, PRECISION[precision]
        self._device = _named_device(name)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """A block in which these hold; nothing else in the process changes. ConfigError in a forked process.

        A program's own settings of JAX do not hold in it: meshes of several devices, guards of transfers, checks of
        promotion and of NaN, which the engine looks for itself.
        """
        refuse_fork()
        with (
            self._alone(),
            jax.enable_x64(self.dtype == "float64"),
            jax.default_matmul_precision(self.precision),
            jax.default_device(self._device),
            jax.transfer_guard("allow"),
            jax.numpy_rank_promotion("allow"),
            jax.numpy_dtype_promotion("standard"),
            jax.debug_nans(False),
            jax.debug_infs(False),
        ):
            yield

    def _alone(self) -> AbstractContextManager[Any]:
        """A block without the mesh of a program, if it has set one: a mesh of this device takes its place."""
        if jax.sharding.get_abstract_mesh().empty:
            return nullcontext()
        kinds = (jax.sharding.AxisType.Auto,)
        own: AbstractContextManager[Any] = jax.set_mesh(
            jax.make_mesh((1,), ("device",), axis_types=kinds, devices=[self._device])
        )
        return own

    def put(self, tree: Any) -> Any:
        """A tree of arrays, or a single one, on the device; floats in the run's dtype."""
        return jax.device_put(self.cast(tree), self._device)

    def cast(self, tree: Any, copy: bool | None = None) -> Any:
        """The same on the host; `copy`: in arrays of its own, left out where they need not be."""

        def own(leaf: Any) -> HostArray:
            array = np.asarray(leaf)
            return np.array(array, self.dtype if array.dtype.kind == "f" else None, copy=copy)

        return jax.tree.map(own, tree)

    @property
    def shares_memory(self) -> bool:
        """Whether it reads arrays of the host where they lie."""
        return cast(bool, self._device.platform == "cpu")

    def gathers(self, size: int, row: int) -> bool:
        """Whether data of so many bytes, `row` in a row, are to lie on the device, which gathers them itself."""
        if self.shares_memory:  # narrow rows the host gathers faster, and large data it should not hold twice
            return row >= WIDE and size <= TWICE
        limit = (self._device.memory_stats() or {}).get("bytes_limit")
        return limit is None or size < limit / 2  # the rest is for what training needs

    def send(self, array: HostArray) -> Any:
        """The array on its way to the device, as it is; it must not change before its reader is done."""
        return array if self.shares_memory else jax.device_put(array, self._device)

    def __str__(self) -> str:
        return f"{self._device.platform}:{self._device.id}"


_started: list[int] = []  # the process in which JAX was used first


def refuse_fork() -> None:
    """ConfigError in a child of the process that uses JAX: its threads are not there, and what waits for them hangs."""
    if not _started:
        _started.append(os.getpid())
    if _started[0] != os.getpid():
        raise ConfigError(
            f"The engine jax needs the process that started it ({_started[0]}), got a fork of it ({os.getpid()}). "
            "Start processes by multiprocessing.get_context('spawn') or 'forkserver', or take engine='numpy' in them."
        )


def _devices(*platform: str) -> list[Any]:
    """JAX's devices; BrokenComponent where JAX cannot start for another reason than a device that is not there."""
    try:
        return jax.devices(*platform)
    except (RuntimeError, ValueError):
        raise
    except Exception as error:  # JAX reads the entry points of all distributions, and one that is damaged ends it
        damaged = "".join(f" Mend or remove {each}." for each in registry.unreadable())
        raise BrokenComponent(f"The engine jax cannot start JAX: {error_text(error)}.{damaged}") from error


def _named_device(name: str | None) -> Any:
    if name is None:
        settings: Any = jax.config
        chosen = settings.jax_default_device
        if chosen is None:
            return _devices()[0]
        return jax.devices(chosen)[0] if isinstance(chosen, str) else chosen
    platform, _, number = name.partition(":")
    try:
        return _devices(platform)[int(number or 0)]
    except (RuntimeError, IndexError, ValueError) as error:
        known = ", ".join(f"{device.platform}:{device.id}" for device in jax.devices())
        raise ConfigError(f"The engine jax needs a device that exists, got {name!r}. Found: {known}.") from error
