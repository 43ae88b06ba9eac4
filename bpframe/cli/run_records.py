"""Records of run folders for a report, without what of a run it does not show unless it is asked for."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bpframe.errors import BpframeError
from bpframe.report.epoch_curves import EpochCurves
from bpframe.report.folders import without_folders
from bpframe.report.measurement import ModelMeasurement, measure_model
from bpframe.report.report_options import ReportOptions
from bpframe.report.run_record import RunRecord
from bpframe.report.run_report import RunReport
from bpframe.report.seed_groups import SeedGroup
from bpframe.runs.config.partition import Partition, part_sentences
from bpframe.runs.config.toml_writer import dumps
from bpframe.runs.folder import MEASURED, RunFolder
from bpframe.runs.history_file import HistoryFile
from bpframe.runs.run import Run
from bpframe.runs.run_groups import RunGroup, differing, group_runs

PROGRAM = "program"  # the source of data that no file holds
Tables = dict[str, Any]
ORIGIN = ("url", "path", "file", "commit", "dirty", "portable")  # of a distribution of a lock: where it is from


def report_of(runs: Sequence[Run], options: ReportOptions, most_measured: int) -> RunReport:
    """The report on runs; the models of the first `most_measured` are loaded and measured."""
    records = [run_record(run, options, measure=i < most_measured) for i, run in enumerate(runs)]
    return RunReport(records, seed_groups(runs), options)


def seed_groups(runs: Sequence[Run]) -> list[SeedGroup]:
    """The runs of each config, under the settings by which configs differ."""
    places = {id(run): i for i, run in enumerate(runs)}
    groups = group_runs(runs)
    paths = differing(groups)
    return [SeedGroup(_group_name(group, paths), [places[id(run)] for run in group.runs]) for group in groups]


def run_record(run: Run, options: ReportOptions, *, measure: bool = True) -> RunRecord:
    """What a report says of a run; `measure`: whether its model is loaded and measured, where there is one."""
    folder = RunFolder(run.path)
    config, lock = run.config, run.lock if folder.lock.is_file() else {}
    if not options.environment:
        config, lock = without_folders(config), without_machine(lock)
    epochs = HistoryFile(folder.history).records()
    results, curves = run.results, EpochCurves(epochs)
    part = next((part for part in MEASURED if part in results), "")
    return RunRecord(
        name=run.name,
        config=config,
        lock=lock,
        texts={"config": dumps(config)} | ({"lock": dumps(lock)} if lock else {}),
        curves=curves.arrays(),
        epochs=len(curves),
        seconds=curves.seconds,
        notes=curves.notes,
        part=part,
        result=results.get(part, {}),
        times={"latest epoch ended": _clock(folder.history)} if folder.history.exists() else {},
        environment=_environment(run, lock) if options.environment else {},
        left_out=not measure and folder.model.is_file(),
        **(_measured(run, options) if measure and folder.model.is_file() else {}),
    )


def without_machine(lock: Tables) -> Tables:
    """A lock without the machine, and without where distributions are from."""
    kept = {name: table for name, table in lock.items() if name != "machine"}
    dists = [{key: one[key] for key in one if key not in ORIGIN} for one in lock.get("distributions", ())]
    plain: Tables = without_folders(kept | ({"distributions": dists} if dists else {}))
    return plain


def _group_name(group: RunGroup, paths: Sequence[str]) -> str:
    """ "optimizer.lr=0.01, train.epochs=20"; the name of the first run where nothing differs."""
    settings = [f"{path}={without_folders(group.settings[path])}" for path in paths if path in group.settings]
    return ", ".join(settings) or group.name


def _measured(run: Run, options: ReportOptions) -> Tables:
    """Layers and measurement of a run's model, or why they are missing."""
    try:
        trainer = run.model
    except BpframeError as error:
        return {"unmeasured": _reason("The model cannot be loaded", error, options)}
    layers = list(trainer.network.with_inputs(trainer.task.shape)._rows())
    if run.config["data"]["source"] == PROGRAM:
        return {"layers": layers, "unmeasured": "The model is not measured: a program handed over its data."}
    try:
        parts = run.data()
        return {"layers": layers, "measurement": _measurement(run, parts, options), "oddities": part_sentences(parts)}
    except BpframeError as error:
        return {"layers": layers, "unmeasured": _reason("The model cannot be measured", error, options)}


def _measurement(run: Run, parts: Partition, options: ReportOptions) -> ModelMeasurement:
    part, rows = next((part, rows) for part in MEASURED if (rows := getattr(parts, part)) is not None)
    return measure_model(run.model, part, rows[0], rows[1], include_rows=options.rows)


def _reason(what: str, error: BpframeError, options: ReportOptions) -> str:
    """What failed; the error itself may name paths."""
    return f"{what}: {error}" if options.environment else f"{what} ({type(error).__name__})."


def _environment(run: Run, lock: Tables) -> dict[str, str]:
    machine = {name: str(value) for name, value in lock.get("machine", {}).items()}
    return {"reported on": platform.node(), "folder": str(run.path.resolve()), **machine}


def _clock(path: Path) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(path.stat().st_mtime))
