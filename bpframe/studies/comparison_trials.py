"""The trials of a comparison, as functions that any process can run: tuning, scoring, diagnosis."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from bpframe.errors import BpframeError, ConfigError
from bpframe.registry import build, registry
from bpframe.registry.plugin_files import declare
from bpframe.runs.config import Partition
from bpframe.studies.bundled_workloads import DIAGNOSES, WORKLOADS
from bpframe.studies.choice import end_cost
from bpframe.studies.config_sweep import SweptConfig, one_thread
from bpframe.studies.config_workload import config_workload
from bpframe.studies.contestant import Contestant
from bpframe.studies.measured_training import measured_training
from bpframe.studies.rescaled_loss import RescaledLoss
from bpframe.studies.trial_file import Record
from bpframe.studies.tuning import Settings
from bpframe.studies.workload import Workload

RESCALED, FACTOR = "rescaled_loss", 1000.0


@final
@dataclass(frozen=True)
class WorkloadSource:
    """The name of a bundled workload, or the config of one, and what it takes to train on it.

    `files`: those of plugins; `engine`: the name of one, which has a single thread, since trials share the machine.
    """

    name: str
    on: SweptConfig | None = None
    files: tuple[str, ...] = ()
    engine: str = "numpy"

    def workload(self) -> Workload:
        """The workload, with the plugin files on offer."""
        for file in self.files:
            declare(registry, file)
        if self.on is not None:
            return config_workload(self.name, self.on)
        return {**WORKLOADS, **DIAGNOSES}[self.name]

    def rows(self) -> Partition:
        """Its rows, kept for the trials that follow in this process."""
        return _rows(self)

    def refusal(self, contestants: Sequence[Contestant]) -> str | None:
        """Why a contestant cannot be trained on it; None where all can."""
        workload, parts = self.workload(), self.rows()
        short = Partition(tuple(array[:8] for array in parts.train), parts.validation)  # type: ignore[arg-type]
        for each in contestants:
            try:
                measured_training(workload, short, self.given(each, {}, workload.steps(8)[0]), 0)
            except BpframeError as error:
                return f"{each.title}: {error}"
        return None

    def given(self, contestant: Contestant, settings: Settings, steps: int) -> dict[str, Any]:
        """The arguments of the Trainer that make it the contestant's, for a training of so many steps."""
        engine = one_thread(build("engine", self.engine))
        given: dict[str, Any] = {"engine": engine, "optimizer": contestant.optimizer(settings, steps)}
        if contestant.kind == "loss":
            given["loss"] = dict(contestant.spec)
        return given


@functools.lru_cache(maxsize=4)
def _rows(source: WorkloadSource) -> Partition:
    return source.workload().rows()


def tuning_record(source: WorkloadSource, contestant: Contestant, settings: Settings, seed: int) -> Record:
    """One training over the shortest horizon."""
    return scoring_record(source, contestant, settings, seed)


def scoring_record(
    source: WorkloadSource,
    contestant: Contestant,
    settings: Settings,
    seed: int,
    horizon: int = 1,
    updates: bool = False,
) -> Record:
    """One training over a horizon, with the settings that it was given."""
    workload = source.workload()
    given = source.given(contestant, settings, workload.steps(len(source.rows().train[0]), horizon)[0])
    record = measured_training(workload, source.rows(), given, seed, horizon, updates)
    return {"settings": dict(settings), **record}


def diagnosis_record(source: WorkloadSource, contestant: Contestant, settings: Settings) -> Record:
    """One training of a diagnosis, and whether it passed: the target reached, or the same with a larger loss."""
    start = time.perf_counter()
    workload, parts = source.workload(), source.rows()
    given = source.given(contestant, settings, workload.steps(len(parts.train[0]))[0])
    plain = measured_training(workload, parts, given, seed=0)
    record: Record = {"settings": dict(settings), "failed": plain["failed"]}
    end = end_cost(plain, workload.lower_is_better)
    if source.name == RESCALED:
        given |= {"loss": RescaledLoss.of(workload.loss, FACTOR)}
        rescaled = end_cost(measured_training(workload, parts, given, seed=0), workload.lower_is_better)
        record |= {"value": end, "rescaled": rescaled, "passed": abs(rescaled - end) <= 0.05 * abs(end)}
    else:
        if workload.target is None:
            raise ConfigError(f"The diagnosis {workload.name} needs a target.")
        target = workload.target if workload.lower_is_better else -workload.target
        record |= {"value": end if workload.lower_is_better else -end, "passed": end <= target}
    return record | {"seconds": time.perf_counter() - start}
