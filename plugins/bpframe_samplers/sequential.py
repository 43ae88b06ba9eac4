"""Sequential order: every row once, as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from bpframe.plugin import HostArray


@final
@dataclass(frozen=True)
class Sequential:
    """Rows 0, 1, ..., N - 1 in each epoch; a fit with shuffle=False."""

    def order(self, rng: np.random.Generator, target: HostArray, weight: HostArray) -> HostArray:
        """The N row numbers in order; draws nothing."""
        return np.arange(len(target))
