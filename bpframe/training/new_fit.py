"""A new fit: its settings, its order of rows and its state, from a trainer's parts and what it has learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from bpframe.data.fingerprint import LazyFingerprint
from bpframe.data.row_weights import training_data, with_padding_row
from bpframe.protocols import Batches, Callback, Data
from bpframe.training.evaluation import named_metrics
from bpframe.training.fit import FitRun
from bpframe.training.fit_settings import FitSettings, TrainerState, UnfinishedFit
from bpframe.training.fitted_data import note_other_data, refuse_other_data
from bpframe.training.progress import PartialEpoch
from bpframe.training.run_state import RunState, curves
from bpframe.training.spec import TrainerSpec
from bpframe.training.trained_parameters import TrainedParameters
from bpframe.training.verbose import Verbose, fit_observer


class FitArguments(NamedTuple):
    """How long to fit, in which batches, whether rows are shuffled, how to know the data again, and what is shown.

    `recorder`: a callback of this fit alone, beside those of the trainer. `call`: the arguments of `fit` by name.
    """

    epochs: int
    batch_size: int
    shuffle: bool
    data: LazyFingerprint
    verbose: Verbose = 0
    recorder: Callback | None = None
    call: Mapping[str, Any] = MappingProxyType({})


def new_fit(
    trainer: object,
    spec: TrainerSpec,
    learned: TrainerState,
    params: TrainedParameters,
    data: tuple[Data, Data | None],
    given: FitArguments,
    unfinished: UnfinishedFit | None,
) -> FitRun:
    """A fit of so many more epochs on `data` (training, validation), or the rest of the `unfinished` one.

    `trainer` is what hooks are given as `state.trainer`. ConfigError where the rest needs other settings or data.
    """
    train, validation = data
    if given.recorder is not None:
        spec = replace(spec, callbacks=[*spec.callbacks, given.recorder])
        learned = learned._replace(memories=[*learned.memories, {}])
    session, rows, done = learned.session, len(train.x), len(learned.history)
    size = min(given.batch_size, rows)
    known = train if spec.sampler is None else learned.task.class_columns(train)
    fields = learned.task.fields(train.target) if spec.pads else {}
    batches = Batches(done, spec.epoch_order(known, given.shuffle, size, fields), size)
    steps = session.step + given.epochs * len(batches)  # all epochs count as long as the first
    by_rows = (train.weight is not None or spec.pads) and not spec.weights_by_batch
    settings, partial = FitSettings(done + given.epochs, steps, size, given.shuffle, rows, done, by_rows), None
    if unfinished is not None:
        unfinished[0].refuse_other(settings)
        refuse_other_data(learned.data, given.data)
        settings, partial = unfinished
    else:
        note_other_data(learned.history, learned.data, given.data)
    data = training_data(train, settings.by_rows), validation
    if spec.pads:
        data = with_padding_row(replace(data[0], by_rows=by_rows)), validation
    metrics = named_metrics(learned.task, spec.metrics)
    state = _run_state(trainer, learned, curves(metrics, validation is not None), settings, partial)
    state.fingerprint, state.period, state.data = given.data, spec.period, train
    state.arguments = given.call
    fit = FitRun(spec, session, learned.task, params, data, batches, settings, metrics, state, partial, learned.present)
    fit.hooks.observer = fit_observer(given.verbose, spec.callbacks)
    return fit


def _run_state(
    trainer: object,
    learned: TrainerState,
    shown: dict[str, str | None],
    settings: FitSettings,
    partial: PartialEpoch | None,
) -> RunState:
    """What hooks are given, before the first step."""
    step = learned.session.step
    return RunState(
        trainer,
        learned.history,
        shown,
        settings.epochs,
        learned.memories,
        epoch=len(learned.history),
        step=step,
        start=step,
        stopped=partial and partial.stopped,
        resumed=partial is not None,
    )
