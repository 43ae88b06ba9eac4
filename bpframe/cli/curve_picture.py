"""The pictures of runs as files: their curves, the weights of one over its checkpoints, and its network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bpframe.errors import ConfigError, DataError
from bpframe.plot.picture_file import picture_bytes
from bpframe.plot.training_curves import training_panels
from bpframe.plot.weight_distributions import weight_panels
from bpframe.runs.folder import MEASURED
from bpframe.runs.run import Run
from bpframe.runs.run_groups import differing, group_runs
from bpframe.saving.atomic import write_file
from bpframe.training.history import History


def write_curve_picture(runs: Sequence[Run], target: Path, each: bool, how: Mapping[str, Any]) -> None:
    """Draw runs, those of one config together unless `each`; `how`: arguments of `training_panels`.

    The file is complete or absent.
    """
    histories = _by_run(runs) if each or len(runs) == 1 else _by_config(runs)
    curves = list(how["curves"]) or None
    axes = training_panels(histories, **{**how, "curves": curves})
    _write(axes, target)


def write_weight_picture(runs: Sequence[Run], target: Path, theme: Any) -> None:
    """Draw the weights of a run over its checkpoints, and below what each has added to the one before it."""
    if len(runs) != 1:
        raise ConfigError(f"--weights needs one run, got {len(runs)}.")
    snapshots = runs[0].snapshots
    if len(snapshots) < 2:
        raise DataError(
            f"{runs[0].path} needs two checkpoints at least to show its weights over time, got {len(snapshots)}. Keep "
            "more while it trains: train.checkpoint = { every_steps = 100, keep = 50 }."
        )
    _write(weight_panels(snapshots, time="step", theme=theme), target)


def write_network_picture(runs: Sequence[Run], target: Path, inputs: str | None, theme: Any) -> None:
    """Draw the network of a run over two of its inputs, with the rows that `bpframe evaluate` measures it on."""
    if len(runs) != 1:
        raise ConfigError(f"--network needs one run, got {len(runs)}.")
    parts = runs[0].data()
    x, y = next(rows for part in MEASURED if (rows := getattr(parts, part)) is not None)[:2]
    names = ("0", "1") if inputs is None else tuple(name.strip() for name in inputs.split(","))
    known = runs[0].model.task.columns or ()
    wanted = [int(name) if name.isdecimal() and name not in known else name for name in names]
    _write([runs[0].model.plot_network(x, y, inputs=wanted, theme=theme)], target)


def _write(axes: Sequence[Any], target: Path) -> None:
    write_file(target, picture_bytes(axes[0], target.suffix))


def _by_run(runs: Sequence[Run]) -> Mapping[str, Any]:
    found = {run.name if _is_single_name(run, runs) else str(run.path): _history(run) for run in runs}
    return found if len(found) > 1 else {"": next(iter(found.values()))}


def _is_single_name(run: Run, runs: Sequence[Run]) -> bool:
    return sum(other.name == run.name for other in runs) == 1


def _by_config(runs: Sequence[Run]) -> dict[str, list[History]]:
    """The histories of each config's runs, by what it has of its own, or else by the name of its first run."""
    groups = group_runs(runs)
    paths = differing(groups)
    labels = [", ".join(f"{_last(path)} {group.settings.get(path)}" for path in paths) for group in groups]
    plain = len(paths) <= 2 and all(labels) and len(set(labels)) == len(labels)
    names = labels if plain else [f"{group.name}" for group in groups]
    if len(set(names)) < len(names):
        names = [str(group.runs[0].path) for group in groups]
    return {
        name if len(groups) > 1 else "": [_history(run) for run in group.runs]
        for name, group in zip(names, groups, strict=True)
    }


def _last(path: str) -> str:
    """The last word of a path: "lr" of optimizer.lr."""
    return path.rpartition(".")[2]


def _history(run: Run) -> History:
    history = run.history
    if not len(history):
        raise DataError(f"{run.path} has no epoch yet, so that there is nothing to draw.")
    return history
