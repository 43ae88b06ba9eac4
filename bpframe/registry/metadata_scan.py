"""Scan of the metadata of installed distributions: components on offer, and distributions that cannot be read.

Each distribution is read by itself, so that a damaged one harms no other, and nothing of it is imported. bpframe's own
is known by its files: its name is what any folder of metadata can claim.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from bpframe.registry.group_names import GROUPS, unknown_groups
from bpframe.registry.own_metadata import own_components
from bpframe.registry.policy import CORE, LOCAL, normalise
from bpframe.registry.provider import Provider
from bpframe.registry.safe_text import error_text

if TYPE_CHECKING:
    from importlib.metadata import Distribution

# the folder, or zip file, that holds the running package bpframe
ROOT = os.path.abspath(os.path.join(__file__, *[os.pardir] * 3))
POINTS = "entry_points.txt"
FILES = (POINTS, "METADATA", "PKG-INFO", "RECORD", "SOURCES.txt", "direct_url.json")
TWICE = "it is there twice"
NO_CORE = (
    "bpframe's own metadata, which names its components, is not there. Install it (pip install bpframe); a frozen "
    "program has to take it along: PyInstaller does by the hook in bpframe, or by --copy-metadata bpframe."
)


@final
@dataclass(frozen=True)
class Unreadable:
    """A distribution that is passed over, and why."""

    dist: str
    reason: str

    def __str__(self) -> str:
        return f"{self.dist} ({self.reason})"


def core() -> list[Provider | Unreadable]:
    """bpframe's own components."""
    if found := own_components(ROOT):
        return list(found)
    dist = core_distribution()
    return [Unreadable(CORE, NO_CORE)] if dist is None else _read(dist, own=True)


def third_parties() -> list[Provider | Unreadable]:
    """The components of all distributions but bpframe's own; of several copies of one the first on the path counts.

    Of copies in one folder, as `pip install --target --upgrade` leaves them, it is the one that was written last.
    """
    found: list[Provider | Unreadable] = []
    copies: dict[str, list[Distribution]] = {}  # by name: those in the folder of the first
    own = core_distribution()
    for dist in _distributions():
        try:
            name = _name(dist)
            others = copies.setdefault(name, [])
            if name == CORE and (_copy(dist) > 1 or (own and _place(dist) == _place(own))):
                continue
            again = any(_place(dist) == _place(other) for other in others)  # a folder that is on the path twice
            if not others or (_folder(dist) == _folder(others[0]) and not again):
                others.append(dist)
        except Exception as error:
            found.append(Unreadable(_place(dist), f"its name cannot be read: {error_text(error)}"))
    for dists in filter(None, copies.values()):
        offers = _read(max(dists, key=_age) if len(dists) > 1 else dists[0])
        if offers and len(dists) > 1:
            places = " and ".join(sorted(map(_place, dists)))
            offers.append(Unreadable(_name(dists[0]), f"{TWICE}, of which the newer counts: {places}"))
        found += offers
    return found


def core_distribution() -> Distribution | None:
    """The distribution of the running package, else of another copy of it; None where nothing holds its files."""
    copies = [(_copy(dist), dist) for dist in _distributions(CORE)]
    rank, dist = max(copies, key=lambda copy: copy[0], default=(0, None))
    return dist if rank else None


def copies_of(name: str) -> list[Distribution]:
    """Every copy of a distribution on the path, the one that counts first."""
    found: dict[str, Distribution] = {}
    for dist in _distributions(name):
        found.setdefault(_place(dist), dist)
    return list(found.values())


def _distributions(name: str | None = None) -> Iterator[Distribution]:
    """All distributions, or those in folders of that name, in the order of the path; a finder that fails has none."""
    from importlib.metadata import DistributionFinder  # 19-37 ms to import, so not before the first look-up

    for finder in list(sys.meta_path):
        find: Any = getattr(finder, "find_distributions", None)
        try:
            yield from find(DistributionFinder.Context(name=name)) if find else ()
        except Exception:
            continue


def _copy(dist: Distribution) -> int:
    """3: the distribution of the running package; 2: of another copy; 1: perhaps; 0: it has no more than the name."""
    try:
        if _refuses(dist):
            return 0
        record = dist.read_text("RECORD") or dist.read_text("SOURCES.txt")
        here = os.path.realpath(_folder(dist)) == os.path.realpath(ROOT)
        if f"{CORE}/__init__.py" in (record or ""):
            return 3 if here else 2
        from bpframe.registry.direct_url import direct_url, source_folder  # which needs urllib

        source = source_folder(direct_url(dist))
        if source is not None and (source / CORE / "__init__.py").is_file():
            return 3 if os.path.realpath(source) == os.path.realpath(ROOT) else 2
    except Exception:
        return 0
    return int(here and (record is None or hasattr(sys, "frozen")))  # a packager has taken files, or their list, away


def _read(dist: Distribution, own: bool = False) -> list[Provider | Unreadable]:
    """What one distribution offers; or why it cannot be read. `own`: whether it is bpframe's."""
    try:
        if _refuses(dist):
            return [Unreadable(_title(dist), f"its {POINTS} is no file that can be read")]
        every = list(dist.entry_points)
        if not every and _has_no_sections(dist.read_text(POINTS) or ""):
            return [Unreadable(_title(dist), f"its {POINTS} has no [section]")]
        points = [point for point in every if point.group in GROUPS]
        unknown = [] if own else unknown_groups(point.group for point in every)
        if not points and not unknown:
            return []
        name, version, summary = _describe(dist)
    except Exception as error:
        return [Unreadable(_title(dist), f"its metadata cannot be read: {error_text(error)}")]
    if not own and (reason := _impostor(dist, name)):
        return [Unreadable(_title(dist), reason)]
    bad = [point.name for point in points if "/" in point.name or not point.name.isprintable()]
    found: list[Provider | Unreadable] = [
        Provider(GROUPS[point.group], point.name, name, version, point.value, summary, point.load)
        for point in points
        if point.name not in bad
    ]
    unnamed = [f"nobody can name its component {each!r}" for each in bad]
    return [*found, *(Unreadable(name, reason) for reason in (*unnamed, *unknown))]


def _refuses(dist: Distribution) -> bool:
    """Whether a file of its metadata is there, but is a pipe or a device, which would be waited for, or forbidden."""
    folder: Any = getattr(dist, "_path", None)  # of every distribution that the import system finds on the path
    if folder is None:
        return False
    if any(folder.joinpath(name).exists() and not folder.joinpath(name).is_file() for name in FILES):
        return True
    return bool(folder.joinpath(POINTS).exists()) and dist.read_text(POINTS) is None


def _has_no_sections(text: str) -> bool:
    """Whether it says something, but not under the header of a section, where nobody looks for it."""
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith("#")]
    return bool(said) and not any(line.startswith("[") and line.endswith("]") for line in said)


def _describe(dist: Distribution) -> tuple[str, str, str]:
    """(canonical name, version, summary)."""
    metadata: Any = dist.metadata  # parsed anew at each access
    return (
        normalise(metadata.get("Name") or ""),
        metadata.get("Version") or "unknown",
        metadata.get("Summary") or "",
    )


def _impostor(dist: Distribution, name: str) -> str | None:
    """Why a distribution other than bpframe's own must not have its name, by which policies know it; None: it may."""
    if not name:
        return "its metadata has no name, as after an interrupted uninstall"
    if name == LOCAL:
        return "that name means the program's own components"
    if name == CORE:
        return f"it says that it is {CORE}, but does not hold its files"
    return None if name == _name(dist) else f"it says that it is {name}, its folder does not"


def _name(dist: Distribution) -> str:
    """The canonical name: by the folder of the metadata, which costs no reading, else by what it says."""
    return normalise(str(getattr(dist, "_normalized_name", None) or dist.metadata["Name"] or ""))


def _title(dist: Distribution) -> str:
    """What to call a distribution that cannot be read: its name, and where it is."""
    try:
        return f"{_name(dist)} in {_place(dist)}"
    except Exception:
        return _place(dist)


def _folder(dist: Distribution) -> str:
    return str(dist.locate_file(""))


def _age(dist: Distribution) -> float:
    """When its metadata was written; 0 where that is not known."""
    try:
        return os.stat(_place(dist)).st_mtime
    except (OSError, ValueError):
        return 0.0


def _place(dist: Distribution) -> str:
    return str(getattr(dist, "_path", dist))
