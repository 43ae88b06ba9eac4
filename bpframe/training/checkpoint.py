"""Checkpoints: the state of a trainer, in the middle of a fit or between two, as tensors and a manifest.

A checkpoint holds the model file's manifest, the session's whole state, the history, the memory of callbacks, and how
far the present fit is. The order of rows and every draw are functions of seed, epoch and step: they need no state.

An engine may have `changeable`: pairs of an argument that does not say what is computed, so that a resumed run may
change it, and the condition of `bpframe.saving.environment` that it bounds, or None.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from bpframe.data.task import Task
from bpframe.errors import BpframeError, CheckpointError, ConfigError, PluginError
from bpframe.protocols import Session
from bpframe.protocols.traits import changeable, levels
from bpframe.registry import registry
from bpframe.registry.describe import describe
from bpframe.saving import environment, json_values, model_file, safetensors, untrusted
from bpframe.training import checkpoint_checks
from bpframe.training.engine_levels import level_error
from bpframe.training.evaluation import named_metrics
from bpframe.training.fit_settings import FitSettings, Memories, TrainerState, UnfinishedFit
from bpframe.training.history import History
from bpframe.training.manifest import foreign_helpers, known_fingerprint, manifest, trainer_definition
from bpframe.training.progress import PartialEpoch
from bpframe.training.spec import OMITTED, TrainerSpec
from bpframe.types import HostArray, Shape

SESSION, FIT = "session/", "fit/"
Tensors = Mapping[str, HostArray]


def pack_state(
    spec: TrainerSpec, state: TrainerState, fit: UnfinishedFit | None
) -> tuple[dict[str, HostArray], dict[str, Any]]:
    """(tensors, manifest) of a trainer's whole state; CheckpointError for what no file could hold."""
    if "snapshot" not in levels(spec.engine):
        raise CheckpointError(str(level_error(spec.engine, "snapshot", "A checkpoint needs")))
    arrays: dict[str, HostArray] = {SESSION + name: array for name, array in state.session.snapshot().items()}
    content = manifest(spec, state.task, state.data, state.present and state.present.values)
    content |= {"kind": model_file.CHECKPOINT, "step": state.session.step}
    content["engine"] = describe(registry, "engine", spec.engine)
    content["made"] = _conditions(spec.engine)
    content["plugins"] += foreign_helpers(spec)
    content["history"] = json_values.encode_value(state.history.saved(), arrays, "history")
    memories = zip(_names(spec.callbacks), state.memories, strict=True)
    content["memories"] = {
        name: json_values.encode_value(memory, arrays, f"callbacks/{name}") for name, memory in memories if memory
    }
    content["callbacks"] = [described for callback in spec.callbacks if (described := _described(callback))]
    if fit is not None:
        settings, partial = fit
        finite = json_values.encode_value(partial.last_finite, arrays, FIT + "finite")
        named = {name: value for name, value in vars(settings).items() if name != "by_rows" or value}
        content["fit"] = named | {"finite": finite, "stopped": partial.stopped}
        arrays[FIT + "values"] = partial.values
        if partial.collected is not None:
            arrays[FIT + "collected"] = partial.collected
        if partial.sums is not None and partial.sums.size:
            arrays[FIT + "sums"] = partial.sums
    return arrays, content


def unpack_state(
    path: model_file.Path,
    file: tuple[Tensors, Mapping[str, Any]],
    spec: TrainerSpec,
    open_session: Callable[[Shape, Mapping[str, Any]], tuple[Session, Task]],
) -> tuple[TrainerState, UnfinishedFit | None]:
    """The state in a file's (tensors, manifest), for a trainer of the same spec; the fit that it interrupts, if any.

    `open_session`: the session and the task for rows of a shape and what was learned of labels.
    """
    tensors, content = file
    model_file.refuse_other_kind(path, content, model_file.CHECKPOINT)
    _refuse_other(spec, content)
    try:
        memories = _memories(spec.callbacks, content["memories"], tensors)
        history, fit = History(**json_values.decode_value(content["history"], tensors)), _unfinished(content, tensors)
        data = known_fingerprint(content)
        checkpoint_checks.check_count("step", content["step"])
        checkpoint_checks.check_history(history)
        untrusted.refuse_other_sizes(
            spec.network, content["input_shape"], model_file.network_tensors(tensors, model_file.CHECKPOINT)
        )
        untrusted.refuse_other_labels(content["learned"], math.prod(content["input_shape"]))
        snapshot = {name.removeprefix(SESSION): array for name, array in tensors.items() if name.startswith(SESSION)}
        session, task = open_session(tuple(content["input_shape"]), content["learned"])
        checkpoint_checks.check_snapshot(session.snapshot(), snapshot)
        checkpoint_checks.check_memories(spec.callbacks, memories, session.parameters)
        if fit is not None:
            collects = bool(named_metrics(task, spec.metrics))
            checkpoint_checks.check_fit(*fit, (content["step"], len(history)), collects, task.row)
        session.restore(snapshot, content["step"])
        versions = model_file.other_versions(content)
    except (BpframeError, MemoryError):
        raise
    except Exception as error:  # what is read from a file's values may fail in any way
        reason = str(error) if type(error) is ValueError else repr(error)
        raise CheckpointError(f"{path} cannot be made into a trainer's state: {reason}.") from error
    changed = _changed(content.get("made"), _conditions(spec.engine), changeable(spec.engine).values())
    _warn_of_conditions(path, [*changed, *versions])
    return TrainerState(session, task, history, memories, data), fit


def _warn_of_conditions(path: model_file.Path, changed: Sequence[str]) -> None:
    """UserWarning, where the trainer is resumed or restored, for what may change bits."""
    if changed:
        warnings.warn(
            f"{path} was written under other conditions: {'; '.join(changed)}. The run goes on, but not to the same "
            "bytes as one that was never stopped.",
            stacklevel=5,
        )


def _conditions(engine: object) -> dict[str, Any]:
    """Versions, processor and threads, on which the bits of a result depend; within the bounds that the engine sets."""
    conditions = {**environment.versions("jax", "jaxlib"), **environment.machine()}
    for argument, name in changeable(engine).items():
        bound = getattr(engine, argument)
        if name is not None and bound is not None:
            conditions[name] = min(bound, conditions[name])
    return conditions


def _changed(then: object, now: Mapping[str, Any], bounded: Collection[str | None]) -> list[str]:
    """What differs; the number of usable CPUs counts only for an engine that bounds it, which takes them all."""
    known = then if isinstance(then, dict) else {}
    names = [name for name in now if (name != "cpus" or name in bounded) and known.get(name) != now[name]]
    return [f"{name} {known.get(name, 'unknown')} then, {now[name]} now" for name in names]


def _unfinished(content: Mapping[str, Any], tensors: Tensors) -> UnfinishedFit | None:
    if "fit" not in content:
        return None
    fit = dict(content["fit"])
    finite, stopped = json_values.decode_value(fit.pop("finite"), tensors), fit.pop("stopped")
    scores, sums = tensors.get(FIT + "collected"), tensors.get(FIT + "sums")
    return FitSettings(**fit), PartialEpoch(tensors[FIT + "values"], finite, stopped, scores, sums)


def _refuse_other(spec: TrainerSpec, content: Mapping[str, Any]) -> None:
    """ConfigError unless the trainer is defined as the one that made the checkpoint."""
    free = changeable(spec.engine)
    own = trainer_definition(spec) | {"engine": without(free, describe(registry, "engine", spec.engine))}
    off: dict[str, Any] = {**OMITTED, "tie": {}}
    file = {**off, **content, "engine": without(free, content.get("engine"))}
    as_read = off | safetensors.parse_json_object(safetensors.canonical_json(own))
    for name, value in as_read.items():
        if file.get(name) != value:
            raise ConfigError(
                f"The checkpoint needs {name} {file.get(name)}, got {value}. Take the same, or start anew."
            )


def without(names: Collection[str], spec: Any) -> Any:
    """The specification but for some of its arguments."""
    return {key: value for key, value in spec.items() if key not in names} if isinstance(spec, dict) else spec


def _memories(callbacks: Sequence[object], packed: object, tensors: Tensors) -> Memories:
    if not isinstance(packed, dict):
        raise ValueError(f"memories need a mapping by callback, got {packed!r:.60}")
    names = _names(callbacks)
    if missing := sorted(set(packed) - set(names)):
        raise ConfigError(f"The checkpoint holds what the callback {missing[0]} remembers. Give it to the trainer.")
    return [json_values.decode_value(packed[name], tensors) if name in packed else {} for name in names]


def _names(callbacks: Sequence[object]) -> list[str]:
    """A name for each callback: its class, numbered where there are several."""
    names: list[str] = []
    counts: Counter[str] = Counter()
    for callback in callbacks:
        kind = type(callback).__name__
        counts[kind] += 1
        names.append(f"{kind}#{counts[kind]}" if counts[kind] > 1 else kind)
    return names


def _described(callback: object) -> dict[str, Any] | None:
    try:
        return describe(registry, "callback", callback)
    except (ConfigError, PluginError, CheckpointError):
        return None
