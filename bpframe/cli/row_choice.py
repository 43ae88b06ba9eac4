"""The choice of one row, from the data of a run or another file, and its derivation."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from bpframe.cli.rows import errors_of, rows_to_measure
from bpframe.errors import DataError
from bpframe.network.derivation.derivation import Derivation
from bpframe.runs.config.run_config import Config
from bpframe.runs.folder import MEASURED, RunFolder
from bpframe.runs.model import load_with_memory


def derivation_of(
    folder: RunFolder,
    config: Config,
    row: int,
    units: int,
    *,
    part: str | None = None,
    file: Path | None = None,
    target: str | None = None,
) -> Derivation:
    """The derivation of a row of a part of the run's data, or of a file; DataError where there is no such row."""
    trainer = load_with_memory(folder, config)
    with nullcontext() if file is None else errors_of(file, config.settings.data):
        if file is None:
            x, y, where = _part(config, part)
        else:
            rows = rows_to_measure(file, config.settings.data, trainer, target)
            x, y, where = rows.x, rows.y, str(file)
        if not -len(x) <= row < len(x):
            raise DataError(f"--row needs a row of {where} from 0 to {len(x) - 1}, got {row}.")
        number = row % len(x)
        found = trainer.trace(x[number : number + 1], y[number : number + 1])
    return found.explain(0, units).numbered(number, where)


def _part(config: Config, name: str | None) -> tuple[Any, Any, str]:
    """(x, y, what to call them) of a part of the run's data; None: the first that `bpframe evaluate` would take."""
    parts = config.data()
    present = [each for each in MEASURED if getattr(parts, each) is not None]
    chosen = name or present[0]
    if chosen not in present:
        raise DataError(f"The run has no {chosen} rows. It has: {', '.join(present)}.")
    x, y = getattr(parts, chosen)[:2]
    return x, y, f"the {chosen} part"
