"""From built settings back to plain tables, every default filled in, and to a list of the components in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bpframe.registry import KINDS, registry
from bpframe.registry.constructor import wants
from bpframe.registry.describe import describe
from bpframe.registry.nested import Nested, walk
from bpframe.runs.config.schema import ConfigFile, DataTable


def tables(settings: ConfigFile, folder: Path) -> dict[str, Any]:
    """The tables of a config file; relative paths in it started at `folder`."""
    train = {**vars(settings.train), "engine": _short(_spec("engine", settings.train.engine))}
    if settings.train.checkpoint is not None:
        train["checkpoint"] = vars(settings.train.checkpoint)
    return {
        "data": _data(settings.data, folder),
        "model": {"layers": [_spec("layer", layer) for layer in settings.model.layers]},
        "loss": _spec("loss", settings.loss),
        "optimizer": _spec("optimizer", settings.optimizer),
        "train": train,
        **{name: _specs(name, getattr(settings, name)) for name in LISTS},
        "groups": [group.spec(registry) for group in settings.groups],
        "sampler": None if settings.sampler is None else _spec("sampler", settings.sampler),
        "plugins": vars(settings.plugins),
    }


LISTS = ("callbacks", "metrics", "regularizers", "gradient_steps", "constraints")
KIND_OF = {kind.plural: kind.name for kind in KINDS.values()}


def components(settings: ConfigFile) -> Iterator[Nested]:
    """Every component of the run, those among the arguments of others after them."""
    layers = enumerate(settings.model.layers)
    top: list[tuple[str, str, Any]] = [(f"model.layers[{i}]", "layer", layer) for i, layer in layers]
    top += [("loss", "loss", settings.loss), ("optimizer", "optimizer", settings.optimizer)]
    top += [("train.engine", "engine", settings.train.engine)]
    for name in LISTS:
        top += [(f"{name}[{i}]", KIND_OF[name], part) for i, part in enumerate(getattr(settings, name) or ())]
    top += [(f"groups[{i}].optimizer", "optimizer", g.optimizer) for i, g in enumerate(settings.groups) if g.optimizer]
    top += [("sampler", "sampler", settings.sampler)] if settings.sampler is not None else []
    for path, kind, part in top:
        yield from walk(kind, part, path)


def _data(data: DataTable, folder: Path) -> dict[str, Any]:
    held_out = {name: part and asdict(part) for name, part in (("validation", data.validation), ("test", data.test))}
    return {"source": data.source.spec(folder), "target": data.target, "standardize": data.standardize, **held_out}


def _specs(plural: str, parts: Any) -> list[Any] | None:
    return None if parts is None else [_spec(KIND_OF[plural], part) for part in parts]


def _spec(kind: str, part: Any) -> dict[str, Any]:
    """The component's specification; an argument that is a component without arguments is its name."""
    spec = describe(registry, kind, part)
    for name, want in wants(type(part)).items():
        value = spec.get(name)
        if want.kind:
            spec[name] = _short(value)
        elif want.kind_of_items and value is not None:
            spec[name] = [_short(item) for item in value]
    return spec


def _short(spec: Any) -> Any:
    return spec["name"] if isinstance(spec, dict) and set(spec) == {"name"} else spec
