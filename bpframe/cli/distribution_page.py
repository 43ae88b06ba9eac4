"""The page of a distribution in Markdown: what it is, and each of its components with arguments and formula."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from bpframe.registry import Provider, registry
from bpframe.registry.argument_ranges import Range, argument_ranges
from bpframe.registry.builder import parameters
from bpframe.registry.constructor import Component, wants
from bpframe.registry.kinds import KINDS
from bpframe.registry.policy import normalise
from bpframe.runs.config.toml_writer import inline

SIGNS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def is_distribution(name: str) -> bool:
    """Whether an installed distribution of that name offers components."""
    return any(provider.dist == normalise(name) for provider in registry.providers())


def distribution_page(name: str) -> str:
    """The page; BrokenComponent for a component that cannot be imported, BlockedComponent for a blocked one."""
    own = [provider for provider in registry.providers() if provider.dist == normalise(name)]
    return "\n\n".join([*_head(own[0]), *(part for kind in KINDS for part in _kind(kind, own))]) + "\n"


def _head(provider: Provider) -> Iterator[str]:
    yield f"# {provider.dist}"
    if provider.summary:
        yield provider.summary if provider.summary.endswith(".") else f"{provider.summary}."
    licence = _licence(provider.dist)
    yield f"Version {provider.version}{f', licence {licence}' if licence else ''}. `pip install {provider.dist}`"


def _licence(dist: str) -> str:
    try:
        metadata: Any = distribution(dist).metadata
    except PackageNotFoundError:
        return ""
    return str(metadata.get("License-Expression") or metadata.get("License") or "").partition("\n")[0]


def _kind(kind: str, own: list[Provider]) -> Iterator[str]:
    """The section of a kind: its components, in the order of their names."""
    found = [provider for provider in own if provider.kind == kind]
    if found:
        yield f"## {KINDS[kind].plural.replace('_', ' ').capitalize()}"
    for provider in found:
        yield from _entry(provider, registry.load(provider.kind, provider.ref))


def _entry(provider: Provider, component: Component) -> Iterator[str]:
    """One component: its name, what it computes, its arguments, and how a config names it."""
    yield f"### {provider.name}"
    yield from _paragraphs(inspect.getdoc(component) or "It has no docstring.")
    if rows := list(_rows(component)):
        yield "\n".join(["| argument | type | default | range |", "|---|---|---|---|", *rows])
    python = f"bp.build({provider.kind!r}, {provider.ref!r})"
    yield f"In a config: `{{ name = {inline(provider.ref)} }}`. In Python: `{python}`."


def _paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a docstring; those that are drawn with blanks keep their lines."""
    for paragraph in text.split("\n\n"):
        drawn = any(line.startswith(" ") or "   " in line for line in paragraph.splitlines())
        yield f"```text\n{paragraph}\n```" if drawn else paragraph


def _rows(component: Component) -> Iterator[str]:
    ranges = argument_ranges(component) if isinstance(component, type) else {}
    for name, parameter in parameters(component).items():
        kinds = " or ".join(wants(component)[name].alternatives) or "any"
        default = "required" if parameter.default is inspect.Parameter.empty else f"`{parameter.default!r}`"
        cells = (f"`{name}`", kinds, default, _range(ranges.get(name, {})))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _range(limits: Range) -> str:
    return ", ".join(f"{SIGNS[word]} {bound:g}" for word, bound in limits.items())
