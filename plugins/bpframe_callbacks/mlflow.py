"""A logger for MLflow."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, final

from bpframe.plugin import RunState, checks, hookimpl
from bpframe_callbacks.logged_values import import_for, is_due, numbers_of_epoch

PARAMETERS = ("loss", "optimizer", "seed", "dtype")  # of the trainer
LONGEST = 500  # characters of a parameter


@final
@dataclass
class Mlflow:
    """Writes the curves as metrics of a run into `store`, a local SQLite file that `mlflow server` shows.

    That is `mlflow server --backend-store-uri sqlite:///mlflow.db`; steps are epochs. A fit is a run of `experiment`,
    called `run` or, left out, as MLflow likes; a further fit of the trainer, and one that goes on from a checkpoint,
    go on with it. `every`: epochs from one number to the next. Needs MLflow: pip install "bpframe[mlflow]".
    """

    store: str | os.PathLike[str] = "mlflow.db"
    experiment: str = "bpframe"
    run: str | None = None
    every: int = 1
    rewinds: ClassVar[bool] = True
    _client: Any = field(default=None, init=False, repr=False, compare=False)
    _entities: Any = field(default=None, init=False, repr=False, compare=False)
    _known: int = field(default=0, init=False, repr=False, compare=False)  # epochs that the store has

    @classmethod
    def example_configs(cls) -> list[dict[str, Any]]:
        """For the checks: so seldom that it writes nothing."""
        return [{"every": 10**9}]

    def __post_init__(self) -> None:
        checks.whole("mlflow", 1, every=self.every)

    @hookimpl
    def bpframe_fit_start(self, state: RunState) -> None:
        """Begin the run, or go on with it; ConfigError where the library is missing."""
        if self.every > state.epochs:
            return
        self._entities, library = import_for("mlflow", "mlflow", _library)
        path = Path(self.store).absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._client = library(tracking_uri=f"sqlite:///{path.as_posix()}")
        self._known = self._epochs_of(state.memory.get("run"))
        if not self._known:
            state.memory["run"] = self._new_run(state)

    @hookimpl
    def bpframe_epoch_end(self, state: RunState) -> None:
        """Write the numbers of the epoch, unless the store has them from before an interruption."""
        epoch = len(state.history)
        if self._client is None or epoch <= self._known or not is_due(state, self.every):
            return
        now = int(time.time() * 1000)
        numbers = numbers_of_epoch(state, -1).items()
        metrics = [self._entities.Metric(name, value, now, epoch) for name, value in numbers]
        self._client.log_batch(state.memory["run"], metrics=metrics)

    @hookimpl
    def bpframe_fit_end(self, state: RunState) -> None:
        """The run is finished."""
        self._end(state, "FINISHED")

    @hookimpl
    def bpframe_exception(self, state: RunState) -> None:
        """The run was stopped, or has failed."""
        self._end(state, "KILLED" if isinstance(state.exception, KeyboardInterrupt) else "FAILED")

    def _end(self, state: RunState, status: str) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.set_terminated(state.memory["run"], status)

    def _new_run(self, state: RunState) -> str:
        """The name of a new run in the store, with what is trained."""
        found = self._client.get_experiment_by_name(self.experiment)
        experiment = found.experiment_id if found else self._client.create_experiment(self.experiment)
        note = {"mlflow.note.content": f"```\n{state.trainer}\n```"}
        run: str = self._client.create_run(experiment, run_name=self.run, tags=note).info.run_id
        texts = {name: str(getattr(state.trainer, name))[:LONGEST] for name in PARAMETERS}
        given = [self._entities.Param(name, text) for name, text in texts.items()]
        self._client.log_batch(run, params=given)
        return run

    def _epochs_of(self, run: str | None) -> int:
        """How many epochs of a run the store has; 0 for one that it does not know."""
        if run is None:
            return 0
        try:
            history = self._client.get_metric_history(run, "train.loss")
        except Exception:  # MLflow's own, of a store that was removed meanwhile
            return 0
        return max((metric.step for metric in history), default=0)


def _library() -> Any:
    import mlflow.entities
    from mlflow import MlflowClient

    return mlflow.entities, MlflowClient
