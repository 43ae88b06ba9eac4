"""The memory of this machine, and the parameters that it cannot hold."""

from __future__ import annotations

import os
from functools import lru_cache
from math import prod

from bpframe.errors import ConfigError
from bpframe.types import Shape

NUMBER = 8  # bytes of an initial value, which is drawn in double precision


@lru_cache(maxsize=1)
def physical_memory() -> int:
    """Bytes of this machine's memory; what an index can reach where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**63


def refuse_larger_than_memory(shape: Shape) -> None:
    """ConfigError for a parameter of a shape that this machine has no memory for."""
    if prod(shape) > physical_memory() // NUMBER:
        size = " x ".join(f"{n:,}" if n < 10**18 else f"2**{n.bit_length() - 1}" for n in shape)
        memory = f"{physical_memory() / 1e9:.3g} GB"
        raise ConfigError(
            f"a parameter of {size} numbers needs more memory than this machine has ({memory}). Take a smaller layer."
        )
