"""A model as one file: its tensors, and a manifest that names every component; no pickle, no import paths.

The manifest holds names (bpframe's own bare, others as dist/name) and arguments. Where a component came from
(distribution, version, target) is recorded for information; nothing is imported by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bpframe.errors import BlockedComponent, BrokenComponent, CheckpointError, UnknownComponent
from bpframe.network.network import Network
from bpframe.registry import Policy, policy, registry
from bpframe.registry.describe import describe, providers_in
from bpframe.saving import untrusted
from bpframe.types import HostArray

SCHEMA = 1
MODEL, CHECKPOINT = "model", "checkpoint"  # kinds of files
PARTS = ("metric", "regularizer", "gradient_step", "constraint")


def manifest(trainer: Any, version: str) -> dict[str, Any]:
    """What, besides tensors, makes the trainer again."""
    parts: list[tuple[str, Any]] = [("loss", trainer.loss), ("optimizer", trainer.optimizer)]
    parts += [("layer", layer) for _, layer in trainer.network.layers]
    parts += [(kind, component) for kind in PARTS for component in getattr(trainer, f"{kind}s") or ()]
    parts += [("optimizer", group.optimizer) for group in trainer.groups if group.optimizer]
    found = {provider for kind, component in parts for provider in providers_in(registry, kind, component)}
    return {
        "schema": SCHEMA,
        "kind": MODEL,
        "bpframe": version,
        **definition(trainer),
        "input_shape": list(trainer.head.shape),
        "learned": dict(trainer.head.learned),
        "plugins": [{"kind": p.kind, "name": p.ref, "version": p.version, "target": p.target} for p in sorted(found)],
    }


def definition(trainer: Any) -> dict[str, Any]:
    """What a trainer was made with, as a file says it."""
    return {
        "network": [{**describe(registry, "layer", layer), "label": label} for label, layer in trainer.network.layers],
        "loss": describe(registry, "loss", trainer.loss),
        "optimizer": describe(registry, "optimizer", trainer.optimizer),
        **{f"{kind}s": _described(kind, getattr(trainer, f"{kind}s")) for kind in PARTS},
        "groups": [group.spec(registry) for group in trainer.groups],
        "sampler": None if trainer.sampler is None else describe(registry, "sampler", trainer.sampler),
        "seed": trainer.seed,
        "dtype": trainer.dtype,
    }


@contextmanager
def opened(
    path: Any, allowed: Sequence[str], kind: str = MODEL
) -> Iterator[tuple[dict[str, HostArray], dict[str, Any]]]:
    """(tensors, manifest) of a file of a kind, and a block to build from them: with plugins of `allowed` alone.

    CheckpointError for a file that cannot be trusted, or of which no model can be built.
    """
    from bpframe.saving import tensor_file  # only who saves or loads pays for it

    tensors, found = tensor_file.read_tensors(path)
    check(path, found, allowed, kind)
    try:
        with registry.restricted(Policy(frozenset(map(policy.normalise, allowed)), origin=f"loading {path}")):
            untrusted.refuse_other_sizes(found, parameters(tensors, kind))
            untrusted.refuse_other_labels(found["learned"])
            yield tensors, found
    except (BlockedComponent, BrokenComponent, UnknownComponent):  # for want of a plugin, not of a sound file
        raise
    except Exception as error:  # what is built from a file's values may fail in any way
        reason = str(error) or type(error).__name__
        raise CheckpointError(f"{path} cannot be made into a model: {reason}") from error


def check(path: Any, found: dict[str, Any], allowed: Sequence[str], kind: str = MODEL) -> None:
    """CheckpointError unless this is a file of that kind and of a schema we know, whose plugins the caller allows."""
    refuse_other_kind(path, found, kind)
    trusted = {policy.CORE, policy.LOCAL, *map(policy.normalise, allowed)}
    foreign = sorted({policy.normalise(name.split("/")[0]) for name in _names(found) if "/" in name} - trusted)
    if foreign:
        raise CheckpointError(
            f"{path} needs plugins of {', '.join(foreign)}. If you trust them: load(path, plugins={foreign})."
        )


def refuse_other_kind(path: Any, found: Mapping[str, Any], kind: str) -> None:
    """CheckpointError unless this is a file of that kind and of a schema we know."""
    if found.get("kind") != kind or "schema" not in found:
        raise CheckpointError(f"{path} is not a bpframe {kind} file.")
    if not isinstance(found.get("learned"), dict):
        raise CheckpointError(f"{path} does not say how its labels are encoded.")
    if found["schema"] != SCHEMA:
        raise CheckpointError(
            f"{path} has schema {found['schema']}, this bpframe reads {SCHEMA}. Install a newer bpframe."
        )


def parameters(tensors: Mapping[str, HostArray], kind: str) -> dict[str, HostArray]:
    """The network's own tensors, by "layer/name"."""
    within = "session/parameters/" if kind == CHECKPOINT else ""
    return {name.removeprefix(within): array for name, array in tensors.items() if name.startswith(within)}


def arguments(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the Trainer of a manifest is made with; KeyError where a part is missing."""
    parts = ("loss", "optimizer", "groups", "sampler", "seed", "dtype", *(f"{kind}s" for kind in PARTS))
    network = Network(found["network"], inputs=found["input_shape"])
    return {"network": network, **{name: found[name] for name in parts}}


def _described(kind: str, components: Any) -> list[Any] | None:
    return None if components is None else [describe(registry, kind, component) for component in components]


def _names(node: Any) -> list[str]:
    """Every component name in the parts of the manifest that are built."""
    if isinstance(node, list):
        return [name for item in node for name in _names(item)]
    if not isinstance(node, dict):
        return []
    own = [node["name"]] if isinstance(node.get("name"), str) else []
    return own + [name for key, item in node.items() if key != "plugins" for name in _names(item)]
