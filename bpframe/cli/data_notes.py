"""Data notes: what is odd about the data of a config, read by bpframe's own sources, or by those of plugins too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bpframe.errors import BpframeError
from bpframe.registry import Policy, registry
from bpframe.registry.builder import Builder
from bpframe.runs.config import parse_override
from bpframe.runs.config.partition import part_sentences, read_partition
from bpframe.runs.config.run_config import load
from bpframe.runs.config.schema import DataTable, TrainTable, build_table
from bpframe.runs.lock.resolve import Resolution


class DataNotes(NamedTuple):
    """What is odd about data, a sentence each; None where they were not read, for the reason `unread`."""

    sentences: list[str] | None
    unread: str = ""


def notes_by_own_sources(config: Path, tables: Mapping[str, Any], found: Resolution) -> DataNotes:
    """Those of the data that bpframe reads by itself; no code of a plugin runs for it, nor is a trainer made."""
    sources = [entry["name"] for entry in found.entries if entry["kind"] == "source"]
    if foreign := [name for name in sources if not name.startswith("bpframe/")]:
        return DataNotes(None, f"{foreign[0]} reads them, a plugin, which runs with --data alone")
    given, builder = tables.get("train", {}), Builder(registry)
    drawing = {name: given[name] for name in ("seed", "dtype") if name in given}  # which no plugin has a part in
    with registry.restricted(Policy(frozenset(), origin="bpframe explain")):
        try:
            data = build_table(builder, DataTable, tables.get("data", {}), "data")
            train = build_table(builder, TrainTable, drawing, "train")
            builder.finish()
            return DataNotes(part_sentences(read_partition(data, config.parent, train.seed, train.dtype)))
        except (BpframeError, OSError) as error:
            return DataNotes(None, str(error).splitlines()[0])


def notes_by_any_source(config: Path, settings: Sequence[str], own: bool) -> DataNotes:
    """Those of the data as a training reads them; `own`: whether the config may name files of plugins."""
    loaded = load(config, [parse_override(setting) for setting in settings], files=own)
    with loaded.restricted():
        return DataNotes(part_sentences(loaded.data()))
