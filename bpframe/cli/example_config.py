"""The example config of a new plugin: a small training with its component, on bundled data."""

from __future__ import annotations

from typing import Any

from bpframe.cli.editor_schema import COMMENT
from bpframe.registry.kinds import Kind
from bpframe.runs.config.toml_writer import dumps

LISTS = (
    "gradient_step",
    "regularizer",
    "constraint",
    "augmentation",
    "metric",
    "callback",
)  # in lists
HEAD = """\
{comment}
# Write that schema, for an editor that checks this file: bpframe schema
# Train: bpframe train {file}

"""


def example_config(kind: Kind, name: str, file: str) -> str:
    """The text of a config that trains with the component of that name."""
    text = dumps(_tables(kind, name))
    if kind.name == "exporter":
        text = f"# Then: bpframe export runs/{file.removesuffix('.toml')} --output model.{name}\n\n{text}"
    return HEAD.format(comment=COMMENT, file=file) + text


def _tables(kind: Kind, name: str) -> dict[str, Any]:
    hidden: dict[str, Any] = {"name": "dense", "units": 8, "activation": "tanh"}
    layers = [hidden, {"name": "dense", "units": 1}]
    data: dict[str, Any] = {"source": {"name": "noisy_sine", "points": 200}, "test": {"fraction": 0.2}}
    optimizer: dict[str, Any] = {"name": "adam", "lr": 0.01}
    train: dict[str, Any] = {"epochs": 20, "seed": 0}
    parts: dict[str, Any] = {"loss": "mse", "optimizer": optimizer}
    if kind.name in LISTS:
        parts[kind.plural] = [{"name": name}]
    elif kind.name == "layer":
        layers.insert(1, {"name": name})
    elif kind.name == "activation":
        hidden["activation"] = name
    elif kind.name == "initializer":
        hidden["weight_initializer"] = name
    elif kind.name == "schedule":
        optimizer["lr"] = {"name": name}
    elif kind.name == "engine":
        train["engine"] = name
    elif kind.name == "source":
        data |= {"source": f"rows.{name}", "target": "y"}
    elif kind.name != "exporter":  # which no training has
        parts[kind.name] = {"name": name}
    return {**parts, "data": data, "model": {"layers": layers}, "train": train}
