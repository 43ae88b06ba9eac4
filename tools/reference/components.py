"""The pages on components: one a kind, and one with all of them at a glance."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from typing_extensions import get_protocol_members

import bpframe as bp
from bpframe.registry import KINDS, Kind, Provider, registry
from bpframe.registry.builder import parameters
from tools.reference.docstring import read
from tools.reference.markdown import escaped, fenced, paragraphs, prose, table
from tools.reference.plots import Plot, plot

DRAWN = ("activation", "loss", "schedule")
DERIVATIVES = ("derivative", "backward", "value_and_delta", "value_and_gradient")


def own(kind: Kind) -> dict[Any, list[Provider]]:
    """bpframe's own components of a kind, each with the providers that name it: its main name, then aliases."""
    found: dict[Any, list[Provider]] = {}
    for provider in bp.providers(kind.name):
        if provider.dist == "bpframe":
            found.setdefault(bp.load(kind.name, provider.name), []).append(provider)
    for component, providers in found.items():
        main = registry.provider_of(kind.name, component)
        providers.sort(key=lambda provider: provider != main)
    return dict(sorted(found.items(), key=lambda entry: entry[1][0].name))


def plots() -> dict[str, Plot]:
    """Every picture by its path in the reference."""
    made = {
        picture(kind, providers[0]): plot(kind.name, providers[0].name)
        for kind in (KINDS[name] for name in DRAWN)
        for providers in own(kind).values()
    }
    return {path: plot for path, plot in made.items() if plot}


def picture(kind: Kind, provider: Provider) -> str:
    """Where a component's plot stands."""
    return f"plots/{kind.plural}/{provider.name}.svg"


# ------------------------------------------------------------------------------------------------------- all kinds


def components_page(engines: dict[str, list[str]]) -> Iterator[str]:
    """Every component, by kind; `engines` are those that it was seen to train on, by "kind:name"."""
    yield "# Components"
    yield (
        "Every component that ships with bpframe, by kind. A name goes into a config, or behind `bp.losses.` and the "
        "like. Engines are those on which [the checks](testing.md) saw it train."
    )
    for kind in KINDS.values():
        if components := own(kind):
            yield f"## {title(kind)}"
            heads = ["name", "what it is", "alias", "distribution", "engines"]
            yield table(heads, (overview(kind, c, providers, engines) for c, providers in components.items()))


def overview(kind: Kind, component: Any, providers: list[Provider], engines: dict[str, list[str]]) -> list[str]:
    """A component's row of the table."""
    name = f"[{providers[0].name}]({kind.plural}.md#{heading(providers)[1]})"
    aliases = ", ".join(provider.name for provider in providers[1:])
    trained = ", ".join(engines.get(f"{kind.name}:{providers[0].name}", ()))
    return [name, escaped(read(component).what), aliases, providers[0].dist, trained]


# ------------------------------------------------------------------------------------------------------- one kind


def kind_page(kind: Kind, plots: dict[str, Plot]) -> Iterator[str]:
    """A kind's protocol, a list of its components, and an entry for each."""
    laws = " or ".join(f"[{p.__name__}](protocols.md#{p.__name__.lower()})" for p in kind.protocols)
    yield f"# {title(kind)}"
    yield f"Protocol: {laws}. Entry-point group of plugins: `{kind.group}`. In Python: `bp.{kind.plural}`."
    components = own(kind)
    yield "\n".join(f"- [{ps[0].name}](#{heading(ps)[1]}): {escaped(read(c).what)}" for c, ps in components.items())
    for component, providers in components.items():
        yield f"## {heading(providers)[0]}"
        yield from entry(kind, component, providers[0], plots.get(picture(kind, providers[0])))


def title(kind: Kind) -> str:
    """A kind's name as a heading."""
    return kind.plural.replace("_", " ").capitalize()


def heading(providers: list[Provider]) -> tuple[str, str]:
    """(the heading of a component's entry, its anchor)."""
    names = [provider.name for provider in providers]
    return ", alias ".join(f"`{name}`" for name in names), "-alias-".join(names)


def entry(kind: Kind, component: Any, provider: Provider, drawn: Plot | None) -> Iterator[str]:
    """What it is, formula, shapes, picture, notes, derivative, arguments, source, provider."""
    text = read(component)
    yield escaped(f"{text.what}.")
    if text.formula:
        yield fenced(text.formula)
    if text.shapes:
        yield paragraphs(text.shapes)
    if drawn:
        yield f"![{drawn.figure.title}]({picture(kind, provider)})"
        yield drawn.note
    elif kind.name in DRAWN:
        yield "Not drawn: it depends on several numbers at once."
    if text.notes:
        yield paragraphs(text.notes)
    for name in DERIVATIVES:
        if method := getattr(component, name, None):
            yield f"`{name}` gives {prose(method)}"
    yield from arguments(component)
    if text.source:
        yield f"Source: {paragraphs(text.source)}"
    names = sorted({name for protocol in kind.protocols for name in get_protocol_members(protocol)})
    fixed = [(name, getattr(component, name, None)) for name in names]
    stated = "".join(f"; {name} `{value}`" for name, value in fixed if isinstance(value, str))
    yield f"Provider: `{provider.ref}`, `{provider.target}`{stated}."


def arguments(component: Any) -> Iterator[str]:
    """A table of the constructor's arguments."""
    known = parameters(component)
    if not known:
        yield "No arguments."
        return
    empty = inspect.Parameter.empty
    rows = [
        (f"`{name}`", f"`{_type(p)}`", "required" if p.default is empty else f"`{p.default!r}`")
        for name, p in known.items()
    ]
    yield table(["argument", "type", "default"], rows)


def _type(parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
