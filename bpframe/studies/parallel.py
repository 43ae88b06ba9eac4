"""Trials in parallel: joblib hands them to processes, or to what its backend is, and each is recorded as it ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bpframe.errors import ConfigError
from bpframe.studies.trial_file import Record, TrialFile

Task = tuple[Callable[..., Record], Mapping[str, Any]]  # a function of a module, and its arguments
REMEDY = "Install it: pip install 'bpframe[studies]'."


def run_trials(
    file: TrialFile,
    keys: Sequence[Mapping[str, Any]],
    tasks: Sequence[Task],
    jobs: int | None = 1,
    show: Callable[[int, int, Record], None] | None = None,
    over: Callable[[], bool] = lambda: False,
) -> bool:
    """Run the trials that the file lacks, write each as it ends, and sort the file; whether all are there.

    `keys`: what names each trial; `tasks`: what makes its record. `jobs`: how many run at a time; None: as joblib's
    backend says. `show` is called with (trials that are done, all, the latest record); `over`: whether no further trial
    shall begin.
    """
    missing = file.missing(keys)
    done = len(keys) - len(missing)
    left = (tasks[i] for i in itertools.takewhile(lambda _: not over(), missing))
    for i, record in _results(left, jobs):
        file.append({"trial": dict(keys[missing[i]]), **record})
        done += 1
        if show is not None:
            show(done, len(keys), record)
    file.sort(keys)
    return done == len(keys)


def _results(tasks: Iterable[Task], jobs: int | None) -> Iterator[tuple[int, Record]]:
    """(number, record) of each task, in the order in which they end."""
    numbered = enumerate(tasks)
    joblib = None if jobs == 1 else _joblib()
    size = 1 if joblib is None else joblib.effective_n_jobs(jobs)
    if joblib is None or size == 1:
        yield from (_call(i, *task) for i, task in numbered)
    elif joblib.parallel.get_active_backend()[0].supports_return_generator:
        parallel = joblib.Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
        yield from parallel(joblib.delayed(_call)(i, *task) for i, task in numbered)
    else:  # so many at a time, so that no more is lost than what runs
        while several := list(itertools.islice(numbered, size)):
            yield from joblib.Parallel(n_jobs=jobs, batch_size=1)(
                joblib.delayed(_call)(i, *task) for i, task in several
            )


def _call(number: int, function: Callable[..., Record], arguments: Mapping[str, Any]) -> tuple[int, Record]:
    return number, function(**arguments)


def _joblib() -> Any:
    try:
        import joblib
    except ImportError as error:
        raise ConfigError(f"Trials in parallel need joblib, which is not installed. {REMEDY}") from error
    return joblib
