"""Compare the lock of a run with the present code and machine: a list of differences, most serious first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from bpframe.data.fingerprint import Fingerprint
from bpframe.errors import ConfigError, PluginError
from bpframe.registry.policy import LOCAL
from bpframe.runs.config.toml_writer import inline

Tables = Mapping[str, Any]

COMPONENT, DISTRIBUTION, ARGUMENT, SETTING, DATA, VERSION, COMPUTING, NOTE = range(8)  # severity, most serious first
GIVE_FILE = "Give the plugin file that the lock was made with: --plugin FILE"
DISPLAY_NAMES = {
    "blas": "BLAS",
    "kernel": "kernel of BLAS",
    "threads": "threads of BLAS",
    "cpu": "CPU",
    "features": "instructions of the CPU",
    "cpus": "usable CPUs",
    "python": "Python",
    "numpy": "NumPy",
    "jax": "JAX",
}


@final
@dataclass(frozen=True, order=True)
class Difference:
    """One difference: its severity (a constant of this module), a description, and a remedy."""

    severity: int
    text: str
    remedy: str = ""

    @property
    def breaks(self) -> bool:
        """Whether the same config may give other bits because of this difference."""
        return self.severity != NOTE

    def __str__(self) -> str:
        return self.text


def compare_locks(lock: Tables, now: Tables, partial: Collection[str] = ()) -> list[Difference]:
    """All differences, most serious first.

    `partial`: paths of components whose arguments in `now` are incomplete; missing ones are not compared.
    """
    differences = [
        *_components(lock, now, partial),
        *_distributions(lock, now),
        *_settings(lock, now),
        *_data(lock, now),
        *_computing(lock, now),
    ]
    return sorted(differences, key=lambda difference: difference.severity)  # stable: else in the order of the lock


def difference_texts(lock: Tables, now: Tables, breaking: bool = False) -> list[str]:
    """The texts of all differences, most serious first; `breaking`: only of those that may change bits."""
    return [difference.text for difference in compare_locks(lock, now) if difference.breaks or not breaking]


def refuse_differences(where: object, differences: list[Difference]) -> None:
    """PluginError for components or distributions that differ, ConfigError for other differences that change bits."""
    breaking = [difference for difference in differences if difference.breaks]
    if breaking:
        lines = [f"  {one.text}." + (f" {one.remedy}." if one.remedy else "") for one in breaking]
        text = "\n".join([f"--frozen needs what {where} holds, but there are differences:", *lines])
        error = PluginError if breaking[0].severity <= DISTRIBUTION else ConfigError
        raise error(f"{text}\nMake them equal, or train without --frozen.")


def _components(lock: Tables, now: Tables, partial: Collection[str]) -> Iterator[Difference]:
    before, after = _index(lock, "components", "path"), _index(now, "components", "path")
    moved = {name for name in _versions(lock) if _versions(lock)[name] != _versions(now).get(name)}
    for path in [*before, *(path for path in after if path not in before)]:
        was, now_is = before.get(path), after.get(path)
        if was is None or now_is is None:
            have, lack = ("the lock", "the config") if now_is is None else ("the config", "the lock")
            yield Difference(COMPONENT, f"{path}: {_component_text(was or now_is)} in {have}, nothing in {lack}")
        elif "target" not in now_is:
            yield Difference(
                COMPONENT,
                f"{path}: {_component_text(was)} in the lock, which cannot be found now",
                _install_remedy(was),
            )
        elif _identity(was) != _identity(now_is):
            old, new = _component_text(was), _component_text(now_is)
            if old == new:  # another class of the same name: it has moved
                old, new = f"{old} ({was.get('target')})", f"{new} ({now_is.get('target')})"
            yield Difference(COMPONENT, f"{path}: {old} in the lock, {new} now")
        else:
            if was.get("hash") != now_is.get("hash") and _dist(was) not in moved:
                yield Difference(COMPONENT, f"{path}: the file of {_component_text(was)} has changed")
            yield from _arguments(path, was, now_is, path in partial)


def _arguments(path: str, was: Tables, now_is: Tables, partial: bool) -> Iterator[Difference]:
    before, after = was.get("arguments") or {}, now_is.get("arguments") or {}
    for name in [*before, *(name for name in after if name not in before)]:
        if (partial and name not in after) or (is_component(before.get(name)) and is_component(after.get(name))):
            continue  # a component has an entry of its own
        if not _same(before.get(name), after.get(name)):
            yield _changed(ARGUMENT, f"{path}.{name}", before.get(name), after.get(name))


def _distributions(lock: Tables, now: Tables) -> Iterator[Difference]:
    after = _index(now, "distributions", "name")
    for name, was in _index(lock, "distributions", "name").items():
        now_is = after.get(name, {})
        if was.get("version") != now_is.get("version"):
            remedy = f"Install that version: pip install '{name}=={was.get('version')}'"
            yield _changed(DISTRIBUTION, name, was.get("version"), now_is.get("version"), remedy)
            continue
        commits = was.get("commit"), now_is.get("commit")
        if was.get("code") != now_is.get("code"):
            yield Difference(
                DISTRIBUTION, f"{name} {was.get('version')}: {_code_change(*commits)}", _checkout_remedy(was)
            )
        elif commits[0] != commits[1]:
            yield _changed(NOTE, f"commit of {name}, whose code is the same", *map(_short, commits))
        if was.get("origin") != now_is.get("origin"):
            yield _changed(NOTE, f"origin of {name}", was.get("origin"), now_is.get("origin"))


def _settings(lock: Tables, now: Tables) -> Iterator[Difference]:
    if "settings" not in now:
        return
    if "settings" not in lock:
        yield Difference(NOTE, "settings and data: not in the lock, which an earlier bpframe wrote, so not compared")
        return
    before, after = lock["settings"], now["settings"]
    for name in [*before, *(name for name in after if name not in before)]:
        if not _same(before.get(name), after.get(name)):
            yield _changed(SETTING, name, before.get(name), after.get(name))


def _data(lock: Tables, now: Tables) -> Iterator[Difference]:
    """Data are compared once they are read."""
    if "data" in lock and "data" in now:
        for text in Fingerprint.of(lock["data"]).differences(Fingerprint.of(now["data"])):
            yield Difference(DATA, text)


def _computing(lock: Tables, now: Tables) -> Iterator[Difference]:
    """Versions and machine, as far as both locks have them.

    The number of usable CPUs matters for XLA, which uses them all, and not for NumPy.
    """
    locked, running = lock.get("versions", {}), now.get("versions", {})
    for name, before, after in _unequal(locked, running):
        if name != "bpframe":  # it is one of the distributions
            exact = f"Install that version: pip install '{name}=={before}'"
            yield _changed(VERSION, name, before, after, f"Use Python {before}" if name == "python" else exact)
    harmless = () if "jax" in locked else ("cpus",)
    for name, before, after in _unequal(lock.get("machine", {}), now.get("machine", {})):
        remedy = _threads_remedy(lock["machine"]) if name == "threads" else ""
        yield _changed(NOTE if name in harmless else COMPUTING, name, before, after, remedy)


def _unequal(lock: Tables, now: Tables) -> Iterator[tuple[str, Any, Any]]:
    return ((name, lock[name], now[name]) for name in lock if name in now and not _same(lock[name], now[name]))


def _threads_remedy(machine: Tables) -> str:
    """The environment variable that sets the number of threads of BLAS."""
    library = str(machine.get("blas")).partition(" ")[0]
    return f"Set {library.upper()}_NUM_THREADS={machine['threads']}" if library in ("openblas", "mkl") else ""


def _changed(severity: int, name: str, before: Any, after: Any, remedy: str = "") -> Difference:
    text = f"{DISPLAY_NAMES.get(name, name)}: {_value(before)} in the lock, {_value(after)} now"
    return Difference(severity, text, remedy)


def _value(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return "nothing" if value is None else inline(value)


def _same(a: Any, b: Any) -> bool:
    """Equal, nan to itself; true is not 1."""
    return (a == b and isinstance(a, bool) == isinstance(b, bool)) or _value(a) == _value(b)


def is_component(value: object) -> bool:
    """Whether an argument in a lock is a component, or a list of them, which have entries of their own."""
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(item, Mapping) and "name" in item for item in items)


def _index(tables: Tables, plural: str, key: str) -> dict[str, Tables]:
    return {entry[key]: entry for entry in tables.get(plural, ())}


def _versions(tables: Tables) -> dict[str, Any]:
    return {name: entry.get("version") for name, entry in _index(tables, "distributions", "name").items()}


def _identity(entry: Tables) -> tuple[Any, ...]:
    """Kind, distribution and target: a component may have several names."""
    return entry.get("kind"), _dist(entry), entry.get("target")


def _dist(entry: Tables) -> str:
    return str(entry.get("name", "")).partition("/")[0]


def _component_text(entry: Tables | None) -> str:
    return f"{entry.get('kind')} {entry.get('name')}" if entry else "nothing"


def _install_remedy(entry: Tables) -> str:
    return GIVE_FILE if _dist(entry) == LOCAL else f"Install it: pip install '{_dist(entry)}=={entry.get('version')}'"


def _code_change(before: Any, after: Any) -> str:
    if before == after:
        return "its code has changed" + (f", uncommitted, at commit {_short(before)}" if before else "")
    return f"its code has changed: commit {_short(before)} in the lock, {_short(after)} now"


def _short(commit: Any) -> str:
    return str(commit)[:12] if commit else "unknown"


def _checkout_remedy(entry: Tables) -> str:
    """A command or hint that restores the distribution's code."""
    commit = entry.get("commit")
    if entry.get("name") == LOCAL:
        return GIVE_FILE
    if entry.get("dirty"):
        return f"No commit has that code: it was changed after {_short(commit)}. Take it from where the lock was made"
    return f"Check out commit {commit}" if commit else f"Reinstall {entry.get('name')}"
