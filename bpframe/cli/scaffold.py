"""Scaffold of a plugin: the files of a distribution with one component, whose formula is left to fill in."""

from __future__ import annotations

import datetime
import keyword
import re
import string
from collections.abc import Mapping
from pathlib import Path

from bpframe.cli.example_config import LISTS, example_config
from bpframe.errors import ConfigError
from bpframe.registry import registry
from bpframe.registry.kinds import Kind
from bpframe.registry.policy import CORE
from bpframe.version import VERSION

TEMPLATES = Path(__file__).parents[1] / "templates"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
FILES = {  # each file of a distribution, and its template
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    "LICENSE": "LICENSE.txt",
    ".gitignore": "gitignore.txt",
    ".github/workflows/check.yml": "check.yml.txt",
    "tests/test_conformance.py": "test_conformance.py.txt",
}
USES = {  # how a config names a component, where that is not `kind = "name"`
    "activation": '{{ name = "dense", units = 8, activation = "{name}" }}` among `[[model.layers]]',
    "layer": '{{ name = "{name}" }}` among `[[model.layers]]',
    "schedule": 'optimizer.lr = {{ name = "{name}" }}',
    "initializer": '{{ name = "dense", units = 8, weight_initializer = "{name}" }}` among `[[model.layers]]',
    "engine": 'engine = "{name}"` in `[train]',
    "exporter": "bpframe export RUN --output model.{name}",
    "source": 'source = "rows.{name}"` in `[data]',
}


def scaffold(kind: Kind, name: str, folder: Path) -> dict[Path, str]:
    """The files of the distribution bpframe-NAME below `folder`; ConfigError for a name that cannot be one."""
    refuse_name(kind, name)
    words = _words(kind, name)
    place, package = folder / words["dist"], words["package"]
    files = {given: TEMPLATES / "plugin" / template for given, template in FILES.items()}
    files[f"{package}/__init__.py"] = TEMPLATES / "kinds" / f"{kind.name}.py.txt"
    texts = {place / given: _filled(template, words) for given, template in files.items()}
    example = place / "example.toml"
    return texts | {place / package / "py.typed": "", example: example_config(kind, name, example.name)}


def next_commands(name: str, folder: Path) -> list[str]:
    """The three commands that take the files to a wheel, once the formula is in."""
    dist = dist_name(name)
    place = (folder / dist).as_posix()
    place = place if folder.is_absolute() else f"./{place}"  # which pip could take for a distribution of that name
    return [f"pip install -e {place}", f"bpframe check {dist}", f"pip wheel --no-deps --wheel-dir dist {place}"]


def refuse_name(kind: Kind, name: str) -> None:
    """ConfigError for what is no name of a component, or that of one of bpframe's own."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        example = "as in: bpframe new-plugin loss pseudo_huber"
        raise ConfigError(f"new-plugin needs a name of small letters, digits and _, got {name!r}, {example}.")
    own = [p for p in registry.providers(kind.name) if p.dist == CORE and p.name == name]
    if own:
        raise ConfigError(f"new-plugin needs a free name, but the {kind.name} '{name}' is bpframe's own. Take another.")


def dist_name(name: str) -> str:
    """The distribution of a component."""
    return f"bpframe-{name.replace('_', '-')}"


def _words(kind: Kind, name: str) -> Mapping[str, str]:
    use = USES.get(kind.name, '{plural} = ["{name}"]' if kind.name in LISTS else '{kind} = "{name}"')
    return {
        "dist": dist_name(name),
        "package": dist_name(name).replace("-", "_"),
        "cls": "".join(part.capitalize() for part in name.split("_")),
        "name": name,
        "kind_words": kind.name.replace("_", " "),
        "group": kind.group,
        "use": use.format(name=name, kind=kind.name, plural=kind.plural),
        "version": VERSION,
        "year": str(datetime.date.today().year),
    }


def _filled(template: Path, words: Mapping[str, str]) -> str:
    return string.Template(template.read_text(encoding="utf-8")).substitute(words)
