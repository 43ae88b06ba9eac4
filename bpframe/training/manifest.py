"""A trainer's spec as the manifest of its model file, and back to the Trainer's arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bpframe.data.columns import Names
from bpframe.data.fingerprint import Fingerprint, LazyFingerprint
from bpframe.data.task import Task
from bpframe.errors import CheckpointError
from bpframe.network.network import Network
from bpframe.network.ties import as_mapping
from bpframe.protocols.traits import changeable, checkpoint_folder
from bpframe.registry import Provider, registry
from bpframe.registry.describe import describe, providers_in
from bpframe.registry.of_inputs import InputShapes
from bpframe.registry.policy import CORE, LOCAL
from bpframe.saving.model_file import MODEL, SCHEMA, OpenFile, network_inputs
from bpframe.training.spec import OMITTED, PARTS, SpecPart, TrainerSpec
from bpframe.version import VERSION

if TYPE_CHECKING:
    from pathlib import Path

DEFINING = tuple(part for part in PARTS if part.defines)
NAMES = {part.name for part in DEFINING}


def manifest(
    spec: TrainerSpec, task: Task, data: LazyFingerprint | None = None, settings: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """What, besides tensors, makes the trainer again: its definition, and what was learned of rows and labels.

    And the fingerprint of the data of the latest fit, if there was one, and the present values of scheduled `settings`.
    """
    providers = {provider for path, provider in _providers(spec) if path.partition("[")[0] in NAMES}
    return {
        "schema": SCHEMA,
        "kind": MODEL,
        "bpframe": VERSION,
        **trainer_definition(spec),
        "input_shape": list(task.shape or ()),
        **({} if task.several is None else {"inputs": [[name, list(shape)] for name, shape in task.several]}),
        "learned": dict(task.learned),
        **({} if task.columns is None else {"columns": list(task.columns)}),
        "plugins": [_provider(p) for p in sorted(providers)],
        **({"settings": dict(settings)} if settings else {}),
        **({} if data is None else {"data": data.value.tables()}),
    }


def known_fingerprint(manifest: Mapping[str, Any]) -> LazyFingerprint | None:
    """The fingerprint in a manifest; None in that of an earlier bpframe. TypeError or ValueError where it is none."""
    return LazyFingerprint(taken=Fingerprint.of(manifest["data"])) if "data" in manifest else None


def local_names(spec: TrainerSpec) -> list[tuple[str, str, Any]]:
    """(kind, name, class) of each component to which the program itself gave a name."""
    return [(p.kind, p.name, p.load()) for _, p in _providers(spec) if p.dist == LOCAL]


def foreign_helpers(spec: TrainerSpec) -> list[dict[str, str]]:
    """Where engine and callbacks came from, but for bpframe's own: other versions may give other bits."""
    helpers = {provider for path, provider in _providers(spec) if path.partition("[")[0] not in NAMES}
    return [_provider(p) for p in sorted(helpers) if p.dist not in (CORE, LOCAL)]


def _providers(spec: TrainerSpec) -> Iterator[tuple[str, Provider]]:
    """(path, provider) of every component."""
    for path, kind, component in spec.components():
        yield from ((path, provider) for provider in providers_in(registry, kind, component))


def _provider(provider: Provider) -> dict[str, str]:
    """Where a component came from."""
    return {
        "kind": provider.kind,
        "name": provider.ref,
        "version": provider.version,
        "target": provider.target,
    }


def trainer_definition(spec: TrainerSpec) -> dict[str, Any]:
    """The parts of a trainer that say what it learns, as specifications, but for what files leave out."""
    definition = {part.name: _described(part, getattr(spec, part.name)) for part in DEFINING}
    tie = {"tie": as_mapping(spec.network.ties)} if spec.network.ties else {}
    return {name: value for name, value in definition.items() if name not in OMITTED or value} | tie


def trainer_arguments(manifest: Mapping[str, Any], network: Network | None = None) -> dict[str, Any]:
    """What the Trainer of a manifest is made with; KeyError where a part is missing. `network`: if it is made."""
    network = network or Network(manifest["network"], inputs=network_inputs(manifest), tie=manifest.get("tie"))
    content = {**OMITTED, **manifest}
    return {part.name: content[part.name] for part in DEFINING} | {"network": network}


def columns_of(manifest: Mapping[str, Any]) -> Names | None:
    """The names of columns in a manifest, which older files and rows without names lack; CheckpointError for others."""
    columns, shape = manifest.get("columns"), manifest["input_shape"]
    if columns is None:
        return None
    texts = isinstance(columns, list) and all(isinstance(name, str) for name in columns)
    if not texts or len(set(columns)) != len(columns) or [len(columns)] != list(shape[:1]):
        raise CheckpointError(f"its columns need {shape[:1]} different names.")
    return tuple(columns)


def inputs_of(manifest: Mapping[str, Any]) -> InputShapes | None:
    """The shapes of inputs by name in a manifest, of which one without a mapping of them has none."""
    several = manifest.get("inputs")
    try:
        return None if several is None else tuple((str(name), tuple(map(int, shape))) for name, shape in several)
    except (TypeError, ValueError):
        raise CheckpointError("its inputs need a name and a shape each.") from None


def built_parts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Parts of a trainer that the caller gives in place of a file's: only the caller's policies hold for them."""
    return {part.name: part.build(given[part.name]) for part in PARTS if part.name in given}


def checkpoint_arguments(file: OpenFile, folder: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a checkpoint in `folder`, with engine and callbacks unless they are `given`.

    Threads, caches and the like are this program's to choose, not the file's: arguments that a run which goes on may
    change are left out. A callback that writes checkpoints goes on in `folder`.
    """
    manifest = file.manifest
    arguments = trainer_arguments(manifest, file.network) | dict(given)
    if "engine" not in given:
        arguments["engine"] = _portable(manifest["engine"])
    if "callbacks" not in given:
        arguments["callbacks"] = [_placed(spec, folder) for spec in manifest["callbacks"]]
    return arguments


def _portable(spec: Mapping[str, Any]) -> dict[str, Any]:
    """An engine's specification without the arguments that do not say what is computed."""
    free = changeable(registry.load("engine", spec["name"]))
    return {name: value for name, value in spec.items() if name not in free}


def _placed(spec: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A callback's specification with `folder` as that of its checkpoints."""
    argument = checkpoint_folder(registry.load("callback", spec["name"]))
    return dict(spec) if argument is None or argument not in spec else {**spec, argument: folder}


def _described(part: SpecPart, value: Any) -> Any:
    if part.name == "network":
        return [{**describe(registry, "layer", layer), "label": label} for label, layer in value.layers]
    if part.name == "groups":
        return [group.spec(registry) for group in value]
    if part.kind is None or value is None:
        return value
    many = [describe(registry, part.kind, component) for component in (value if part.many else [value])]
    return many if part.many else many[0]
