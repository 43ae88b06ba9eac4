"""Reading a model file: its tensors and its manifest, for a caller who names the plugins that it may load.

The manifest holds names (bpframe's own bare, others as dist/name) and arguments; no pickle, no import paths. Where a
component came from (distribution, version, target) is recorded for information; nothing is imported by it.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from bpframe.errors import BlockedComponent, BrokenComponent, CheckpointError, UnknownComponent
from bpframe.network.network import Network
from bpframe.registry import Policy, path_arguments, policy, registry
from bpframe.registry.local_names import other_digests
from bpframe.saving import untrusted
from bpframe.types import HostArray

SCHEMA = 1
LONGEST = 2000  # letters of a reason, which may quote the file
MODEL, CHECKPOINT = "model", "checkpoint"  # kinds of files
Path = str | os.PathLike[str]


class OpenFile(NamedTuple):
    """What a file holds, and the network that was made of it."""

    tensors: dict[str, HostArray]
    manifest: dict[str, Any]
    network: Network


@contextmanager
def open_untrusted(path: Path, allowed: Sequence[str], kind: str = MODEL) -> Iterator[OpenFile]:
    """A file of a kind, and a block to build from it: with plugins of `allowed` alone.

    In the block no specification may hold a path; what the caller gives is built before it.
    CheckpointError for a file that cannot be trusted, or of which no model can be built.
    """
    from bpframe.saving import tensor_file  # imported by saving and loading alone

    tensors, manifest = tensor_file.read_tensors(path)
    refuse_foreign_plugins(path, manifest, allowed, kind)
    try:
        restriction = Policy(frozenset(map(policy.normalise, allowed)), origin=f"loading {path}")
        with registry.restricted(restriction), path_arguments.no_paths():
            untrusted.refuse_slow_lists(manifest)
            network = Network(manifest["network"], inputs=network_inputs(manifest), tie=manifest.get("tie"))
            untrusted.refuse_other_sizes(network, manifest["input_shape"], network_tensors(tensors, kind))
            untrusted.refuse_other_labels(manifest["learned"], math.prod(manifest["input_shape"]))
            if kind == MODEL and (changed := other_versions(manifest)):
                warnings.warn(f"{path} may predict otherwise than it did: {'; '.join(changed)}.", stacklevel=4)
            yield OpenFile(tensors, manifest, network)
    except (BlockedComponent, BrokenComponent, UnknownComponent):  # for want of a plugin, not of a sound file
        raise
    except Exception as error:  # what is built from a file's values may fail in any way
        reason = str(error) or type(error).__name__
        reason = reason if len(reason) <= LONGEST else f"{reason[:LONGEST]} ..."
        raise CheckpointError(f"{path} cannot be made into a model: {reason}") from error


def network_inputs(manifest: Mapping[str, Any]) -> Any:
    """What the network of a manifest is made for: several inputs by name, or rows of one shape."""
    several = manifest.get("inputs")
    return manifest["input_shape"] if several is None else {name: tuple(shape) for name, shape in several}


def refuse_foreign_plugins(path: Path, manifest: dict[str, Any], allowed: Sequence[str], kind: str = MODEL) -> None:
    """CheckpointError unless this is a file of that kind and of a schema we know, whose plugins the caller allows."""
    refuse_other_kind(path, manifest, kind)
    trusted = {policy.CORE, policy.LOCAL, *map(policy.normalise, allowed)}
    foreign = sorted(
        {policy.normalise(name.split("/")[0]) for name in _component_names(manifest) if "/" in name} - trusted
    )
    if foreign:
        raise CheckpointError(
            f"{path} needs plugins of {', '.join(foreign)}. If you trust them: load(path, plugins={foreign})."
        )


def refuse_other_kind(path: Path, manifest: Mapping[str, Any], kind: str) -> None:
    """CheckpointError unless this is a file of that kind and of a schema we know."""
    if manifest.get("kind") != kind or "schema" not in manifest:
        raise CheckpointError(f"{path} is not a bpframe {kind} file.")
    if not isinstance(manifest.get("learned"), dict):
        raise CheckpointError(f"{path} does not say how its labels are encoded.")
    if manifest["schema"] != SCHEMA:
        raise CheckpointError(
            f"{path} has schema {manifest['schema']}, this bpframe reads {SCHEMA}. Install a newer bpframe."
        )


def network_tensors(tensors: Mapping[str, HostArray], kind: str) -> dict[str, HostArray]:
    """The network's own tensors, by "layer/name"."""
    within = "session/parameters/" if kind == CHECKPOINT else ""
    return {name.removeprefix(within): array for name, array in tensors.items() if name.startswith(within)}


def other_versions(manifest: Mapping[str, Any]) -> list[str]:
    """The distributions of which the file's components had another version, with both: "acme 1.0 then, 2.0 now".

    And the components that came from plugin files which say something else now.
    """
    then = {name.partition("/")[0]: version for name, version in _versions(manifest["plugins"])}
    now = {provider.dist: provider.version for provider in registry.providers() if provider.dist in then}
    of_dists = [
        f"{dist} {then[dist]} then, {version} now" for dist, version in sorted(now.items()) if then[dist] != version
    ]
    return of_dists + other_digests(registry.providers(), manifest["plugins"])


def _versions(plugins: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """("dist/name", version) of components from distributions other than bpframe."""
    for plugin in plugins:
        if plugin["name"].partition("/")[0] not in (policy.CORE, policy.LOCAL):
            yield plugin["name"], plugin["version"]


def _component_names(node: object) -> list[str]:
    """Every component name in the parts of the manifest that are built."""
    if isinstance(node, list):
        return [name for item in node for name in _component_names(item)]
    if not isinstance(node, dict):
        return []
    own = [node["name"]] if isinstance(node.get("name"), str) else []
    return own + [name for key, item in node.items() if key != "plugins" for name in _component_names(item)]
