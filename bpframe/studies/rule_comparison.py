"""A comparison of rules: each is tuned in studies of a few trials, and what is found is trained on other seeds.

For every workload, in each of its studies, every contestant gets the same tuning points and the same tuning seed; the
best point by the value at the end is then trained on scoring seeds, over one, two and four times the horizon. A seed
fixes first weights and batches, so that trials of one seed differ in the contestant alone.
Source: the protocol of AlgoPerf, Dahl et al. (2023), arXiv:2306.07179: 3 studies of 5 quasi-random trials.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from bpframe.errors import ConfigError
from bpframe.registry.plugin_files import declared_files
from bpframe.studies.bundled_workloads import DIAGNOSES, WORKLOADS
from bpframe.studies.choice import chosen_settings
from bpframe.studies.comparison_trials import WorkloadSource, diagnosis_record, scoring_record, tuning_record
from bpframe.studies.config_sweep import SweptConfig
from bpframe.studies.contestant import Contestant, with_sanity_rows
from bpframe.studies.parallel import Task, run_trials
from bpframe.studies.seeds import scoring_seed, tuning_seed
from bpframe.studies.trial_file import Record, TrialFile
from bpframe.studies.tuning import tuning_points

HORIZONS = (1, 2, 4)  # times the epochs of a workload
LEAST_UNITS = 6  # of workload and study, with fewer of which no interval covers 95%
DIAGNOSIS_POINTS = 8

Step = tuple[dict[str, Any], Task]  # the key of a trial and what makes its record
Show = Callable[[int, int, Record], None]


@final
@dataclass(frozen=True)
class Comparison:
    """What is compared on what, and how often. `studies` None: 3, or as many as six pairs of workload and study need.

    `horizons`: how many times the epochs of a workload; steps to a target are those of the last.
    `on`: the user's own config in the place of the bundled workloads. `files`: plugin files of the contestants.
    `proven`: whether the conformance kit has shown of each plugin that it does what it says (`require_proof`).
    """

    contestants: Sequence[Contestant]
    workloads: Sequence[str] = tuple(WORKLOADS)
    studies: int | None = None
    trials: int = 5
    seeds: int = 2
    horizons: Sequence[int] = HORIZONS
    on: SweptConfig | None = None
    diagnoses: Sequence[str] = tuple(DIAGNOSES)
    files: Sequence[str] = ()
    proven: bool = True
    engine: str = "numpy"

    @property
    def rounds(self) -> int:
        """The number of studies of each workload."""
        return self.studies or max(3, math.ceil(LEAST_UNITS / max(1, len(self.workloads))))

    def sources(self) -> dict[str, WorkloadSource]:
        """What a process makes each workload from, by its name."""
        return {name: WorkloadSource(name, self.on, tuple(self.files), self.engine) for name in self.workloads}

    def record(self) -> Record:
        """The first line of the file."""
        sources = self.sources().values()
        return {
            "study": "comparison",
            "contestants": [each.record() for each in self.contestants],
            "workloads": [source.workload().record() for source in sources],
            "config": None if self.on is None else self.on.load().text(),
            "engine": self.engine,
            "proven": self.proven,
            "plugins": {file.path.name: file.digest for file in declared_files()},
            "protocol": {
                "studies": self.rounds,
                "trials": self.trials,
                "seeds": self.seeds,
                "horizons": list(self.horizons),
            },
        }

    def tuning(self, workload: str) -> Iterator[Step]:
        """The tuning trials of a workload: contestants in turn at each point, so that all see the same machine."""
        source, count = self.sources()[workload], self.rounds * self.trials
        points = {each.title: tuning_points(each.ranges, 1 + each.offset * count, count) for each in self.contestants}
        for i in range(count):
            for each in self.contestants:
                if each.tuned:
                    study = i // self.trials + 1
                    place = {"workload": workload, "rule": each.title, "study": study, "point": i + 1}
                    arguments = {"source": source, "contestant": each, "settings": points[each.title][i]}
                    more = {"seed": tuning_seed(study, each.offset)}
                    yield {"stage": "tuning", **place}, (tuning_record, arguments | more)

    def scoring(self, workload: str, records: Sequence[Record]) -> Iterator[Step]:
        """The scoring trials of a workload, with what its tuning found."""
        source = self.sources()[workload]
        best = chosen_settings(records, workload, source.workload().lower_is_better)
        for study in range(1, self.rounds + 1):
            for number in range(self.seeds):
                for horizon in self.horizons:
                    for each in self.contestants:
                        first = (study, number, horizon) == (1, 0, self.horizons[0])
                        settings = best.get((each.title, study)) if each.tuned else {}
                        if settings is None or (each.row == "a rule that does nothing" and not first):
                            continue
                        seed = scoring_seed(study, number, self.seeds, each.offset)
                        place = {"workload": workload, "rule": each.title, "study": study, "seed": seed}
                        arguments = {"source": source, "contestant": each, "settings": settings, "seed": seed}
                        more = {"horizon": horizon, "updates": horizon == self.horizons[0] and number == 0}
                        yield {"stage": "scoring", **place, "horizon": horizon}, (scoring_record, arguments | more)

    def diagnosis(self) -> Iterator[Step]:
        """The trials of the diagnoses, of what was asked for and adam."""
        for name in self.diagnoses if self.contestants[0].kind == "optimizer" else ():
            source = WorkloadSource(name, None, tuple(self.files), self.engine)
            for i in range(DIAGNOSIS_POINTS):
                for each in self.contestants:
                    if each.tuned:
                        settings = tuning_points(each.ranges, i + 1, 1)[0]
                        place = {"diagnosis": name, "rule": each.title, "point": i + 1}
                        arguments = {"source": source, "contestant": each, "settings": settings}
                        yield {"stage": "diagnosis", **place}, (diagnosis_record, arguments)


def run_comparison(
    comparison: Comparison,
    out: str | Path,
    *,
    jobs: int | None = 1,
    budget: float | None = None,
    show: Show | None = None,
) -> TrialFile:
    """Run what the file lacks of a comparison; each trial is a line, and the same comparison goes on with the rest.

    `budget`: seconds after which no further trial begins. `jobs` and `show` as in `run_sweep`. ConfigError where the
    file is of another study, or another process writes it.
    """
    file, end = TrialFile(out), math.inf if budget is None else time.monotonic() + budget
    with file.lock():
        file.open(comparison.record())
        _run_stages(comparison, file, jobs, end, show)
    return file


def _run_stages(comparison: Comparison, file: TrialFile, jobs: int | None, end: float, show: Show | None) -> None:
    """Run workload by workload, until the clock says `end`."""
    steps = list[Step]()
    whole = trial_count(comparison)

    def run(more: Iterator[Step]) -> bool:
        steps.extend(more)
        keys, tasks = [key for key, _ in steps], [task for _, task in steps]
        shown = None if show is None else (lambda done, _, record: show(done, max(whole, done), record))
        return run_trials(file, keys, tasks, jobs, shown, lambda: time.monotonic() > end)

    for i, workload in enumerate(comparison.workloads):
        if not run(comparison.tuning(workload)) or not run(comparison.scoring(workload, file.records())):
            return
        if i == 0 and not run(comparison.diagnosis()):  # before a budget ends with the larger workloads
            return


def within_budget(comparison: Comparison, budget: float, jobs: int) -> Comparison:
    """The comparison with as many of its workloads as may be done in so many seconds, the first at least.

    By the nominal times of workloads and nothing that is measured, so that a budget means the same trials everywhere.
    Seeds and studies are as many as without a budget.
    """
    if comparison.on is not None:
        return comparison
    left, kept = budget * jobs, list[str]()
    for name in comparison.workloads:
        tuned = sum(each.tuned for each in comparison.contestants)
        runs = comparison.rounds * (
            comparison.trials * tuned + comparison.seeds * sum(comparison.horizons) * (tuned + 1)
        )
        left -= runs * WORKLOADS[name].seconds
        if kept and left < 0:
            break
        kept.append(name)
    return replace(comparison, workloads=tuple(kept), studies=comparison.rounds if comparison.studies else None)


def trial_count(comparison: Comparison) -> int:
    """The number of trials; fewer run where a study finds no settings that train."""
    of_scoring = comparison.rounds * comparison.seeds * len(comparison.horizons)
    rows = [1 if each.row == "a rule that does nothing" else of_scoring for each in comparison.contestants]
    tuned = sum(each.tuned for each in comparison.contestants) * comparison.rounds * comparison.trials
    return len(comparison.workloads) * (tuned + sum(rows)) + sum(1 for _ in comparison.diagnosis())


def comparison_of(contestants: Sequence[Contestant], **settings: Any) -> Comparison:
    """A comparison with its sanity rows, on the workloads that suit all contestants; ConfigError if none does."""
    comparison = Comparison(with_sanity_rows(contestants), **settings)
    sources = comparison.sources()
    refusals = {name: reason for name, source in sources.items() if (reason := source.refusal(comparison.contestants))}
    kept = tuple(name for name in comparison.workloads if name not in refusals)
    if not kept:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in refusals.items())
        raise ConfigError(f"A comparison needs a workload that suits all contestants, got none. {reasons}")
    return replace(comparison, workloads=kept)
