"""Distributions put into a folder by hand, as an installer would: metadata, entry points, modules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def plant(
    folder: Path,
    dist: str,
    points: Mapping[str, str],
    modules: Mapping[str, str] | None = None,
    version: str = "1.0",
    metadata: str = "",
) -> Path:
    """The folder of metadata of a distribution. `points`: "bpframe.losses:cauchy" -> "module:Class".

    `modules`: the texts of files by name; `metadata`: further lines.
    """
    info = folder / f"{dist.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    groups: dict[str, list[str]] = {}
    for point, target in points.items():
        group, _, name = point.rpartition(":")
        groups.setdefault(group, []).append(f"{name} = {target}")
    sections = (f"[{group}]\n" + "\n".join(lines) for group, lines in groups.items())
    (info / "entry_points.txt").write_text("\n".join(sections) + "\n")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n{metadata}")
    for name, text in (modules or {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return info
