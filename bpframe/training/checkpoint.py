"""Everything that a continued run needs in one file: the state of a trainer, in the middle of a fit or between two.

A checkpoint holds the model file's manifest, the session's whole state, the history, what callbacks remember, and how
far the present fit is. The order of rows and every draw are functions of seed, epoch and step: they need no state.

An engine may have `changeable`: pairs of an argument that does not say what is computed, so that a run which goes on
may change it, and the condition of `bpframe.saving.environment` that it bounds, or None.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from bpframe.errors import CheckpointError, ConfigError, PluginError
from bpframe.protocols import Batches, Data
from bpframe.protocols.traits import changeable
from bpframe.registry import registry
from bpframe.registry.describe import describe
from bpframe.saving import environment, json_values, model_file, safetensors, untrusted
from bpframe.training import preflight
from bpframe.training.history import History
from bpframe.training.loop import Begun
from bpframe.types import HostArray
from bpframe.version import VERSION

SESSION, FIT = "session/", "fit/"


@final
@dataclass(frozen=True)
class Course:
    """A fit: the epoch and the step at which it ends, both counted from the first fit, and how it takes its rows."""

    epochs: int
    steps: int
    batch_size: int
    shuffle: bool
    rows: int

    @classmethod
    def of(cls, trainer: Any, seen: Data, epochs: int, batch_size: int, shuffle: bool) -> Course:
        """The course of so many more epochs on these data; epochs of a sampler count as long as the first."""
        orders, done = preflight.orders(trainer.seed, seen, shuffle, trainer.sampler), len(trainer.history)
        rows = len(seen.x)
        size = min(batch_size, rows)
        steps = trainer.session.step + epochs * len(Batches(done, orders, size))
        return cls(done + epochs, steps, size, shuffle, rows)

    def refuse_other(self, other: Course) -> None:
        """ConfigError for a fit that would not go on as this one was begun; where it ends is this one's to say."""
        for name in ("batch_size", "shuffle", "rows"):
            value, begun = getattr(other, name), getattr(self, name)
            if value != begun:
                raise ConfigError(
                    f"The fit that this checkpoint was made in needs {name} {begun}, got {value}. Go on with the "
                    "same data and settings, or train a new model."
                )


def pack(trainer: Any, course: Course | None, begun: Begun | None) -> tuple[dict[str, HostArray], dict[str, Any]]:
    """(tensors, manifest) of a trainer's whole state; CheckpointError for what no file could hold."""
    session = trainer.session
    arrays: dict[str, HostArray] = {SESSION + name: array for name, array in session.snapshot().items()}
    manifest = model_file.manifest(trainer, VERSION) | {"kind": model_file.CHECKPOINT, "step": session.step}
    manifest["engine"] = describe(registry, "engine", trainer.engine)
    manifest["made"] = _conditions(trainer.engine)
    manifest["history"] = json_values.pack(vars(trainer.history), arrays, "history")
    remembered = zip(_names(trainer.callbacks), trainer.memories, strict=True)
    manifest["memories"] = {
        name: json_values.pack(memory, arrays, f"callbacks/{name}") for name, memory in remembered if memory
    }
    manifest["callbacks"] = [spec for callback in trainer.callbacks if (spec := _described(callback))]
    if course is not None and begun is not None:
        finite = json_values.pack(begun.finite, arrays, FIT + "finite")
        manifest["fit"] = vars(course) | {"finite": finite, "stopped": begun.stopped}
        arrays[FIT + "values"] = begun.values
        if begun.collected is not None:
            arrays[FIT + "collected"] = begun.collected
    return arrays, manifest


def unpack(trainer: Any, path: Any) -> tuple[Course, Begun] | None:
    """Take the state in a file over into a trainer of the same definition; the fit that was begun, if one was."""
    from bpframe.saving import tensor_file  # only who saves or loads pays for it

    tensors, found = tensor_file.read(path)
    model_file.refuse_other_kind(path, found, model_file.CHECKPOINT)
    _refuse_other(trainer, found)
    try:
        memories = _memories(trainer, found["memories"], tensors)
        history, fit = History(**json_values.unpack(found["history"], tensors)), _begun(found, tensors)
        untrusted.refuse_other_sizes(found, model_file.parameters(tensors, model_file.CHECKPOINT))
        untrusted.refuse_other_labels(found["learned"])
        head = replace(trainer.head, shape=tuple(found["input_shape"]), learned=found["learned"])
        snapshot = {name.removeprefix(SESSION): array for name, array in tensors.items() if name.startswith(SESSION)}
        trainer.head = head
        _refuse_other_shapes(trainer.session.snapshot(), snapshot)
        trainer.session.restore(snapshot, found["step"])
    except ConfigError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise CheckpointError(f"{path} cannot be made into a trainer's state: {error!r}.") from error
    trainer.history, trainer.memories = history, memories
    if changed := _changed(found.get("made"), _conditions(trainer.engine), changeable(trainer.engine).values()):
        warnings.warn(
            f"{path} was written under other conditions: {'; '.join(changed)}. The run goes on, but not to the same "
            "bytes as one that was never stopped.",
            stacklevel=3,
        )
    return fit


def _conditions(engine: object) -> dict[str, Any]:
    """Versions, processor and threads, on which the bits of a result depend; within the bounds that the engine sets."""
    found = {**environment.versions("jax", "jaxlib"), **environment.machine()}
    for argument, name in changeable(engine).items():
        bound = getattr(engine, argument)
        if name is not None and bound is not None:
            found[name] = min(bound, found[name])
    return found


def _changed(then: Any, now: Mapping[str, Any], bounded: Collection[str | None]) -> list[str]:
    """What differs; the number of usable CPUs counts only for an engine that bounds it, which takes them all."""
    known = then if isinstance(then, dict) else {}
    names = [name for name in now if (name != "cpus" or name in bounded) and known.get(name) != now[name]]
    return [f"{name} {known.get(name, 'unknown')} then, {now[name]} now" for name in names]


def _begun(found: Mapping[str, Any], tensors: Mapping[str, HostArray]) -> tuple[Course, Begun] | None:
    if "fit" not in found:
        return None
    fit = dict(found["fit"])
    finite, stopped = json_values.unpack(fit.pop("finite"), tensors), fit.pop("stopped")
    return Course(**fit), Begun(tensors[FIT + "values"], finite, stopped, tensors.get(FIT + "collected"))


def _refuse_other_shapes(own: Mapping[str, HostArray], given: Mapping[str, HostArray]) -> None:
    for name, array in own.items():
        if name.startswith("parameters/") and (name not in given or given[name].shape != array.shape):
            raise ValueError(f"{name} needs shape {array.shape}")


def _refuse_other(trainer: Any, found: Mapping[str, Any]) -> None:
    """ConfigError unless the trainer is defined as the one that made the checkpoint."""
    free = changeable(trainer.engine)
    own = model_file.definition(trainer) | {"engine": without(free, describe(registry, "engine", trainer.engine))}
    held = {**found, "engine": without(free, found.get("engine"))}
    for name, value in safetensors.loads(safetensors.dumps(own)).items():  # as a file gives it back
        if held.get(name) != value:
            raise ConfigError(
                f"The checkpoint needs {name} {held.get(name)}, got {value}. Take the same, or start anew."
            )


def without(names: Collection[str], spec: Any) -> Any:
    """The specification but for some of its arguments."""
    return {key: value for key, value in spec.items() if key not in names} if isinstance(spec, dict) else spec


def _memories(trainer: Any, packed: Mapping[str, Any], tensors: Mapping[str, HostArray]) -> list[dict[str, Any]]:
    names = _names(trainer.callbacks)
    if missing := sorted(set(packed) - set(names)):
        raise ConfigError(f"The checkpoint holds what the callback {missing[0]} remembers. Give it to the trainer.")
    return [json_values.unpack(packed[name], tensors) if name in packed else {} for name in names]


def _names(callbacks: Sequence[object]) -> list[str]:
    """A name for each callback: its class, numbered where there are several."""
    names: list[str] = []
    for callback in callbacks:
        kind = type(callback).__name__
        number = sum(name.split("#")[0] == kind for name in names)
        names.append(f"{kind}#{number + 1}" if number else kind)
    return names


def _described(callback: object) -> Any:
    try:
        return describe(registry, "callback", callback)
    except (ConfigError, PluginError, CheckpointError):
        return None
