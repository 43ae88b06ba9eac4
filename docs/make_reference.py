"""Writes docs/reference from the registry and the docstrings: python docs/make_reference.py

One page a kind of component with all of bpframe's own, and one page each for the Python API, the protocols, the data
sets and the checks. Pages depend on the code alone: no date, no version.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typing_extensions import get_protocol_members

import bpframe as bp
from bpframe import hooks, protocols, registry, types
from bpframe.loop import RunState
from bpframe.parameters import Parameters
from bpframe.registry import KINDS, Kind, Provider
from bpframe.trace import LayerTrace, Trace

FOLDER = Path(__file__).with_name("reference")
NOTE = "<!-- Written by docs/make_reference.py: change the docstrings, then run it again. -->"
CLASSES = (bp.Trainer, Parameters, bp.Network, bp.History, Trace, LayerTrace)
LOOK_UP = ("names", "load", "build", "providers", "register", "refresh")


def pages() -> dict[str, str]:
    """Every page of the reference by its file name."""
    parts = {kind.plural: kind_page(kind) for kind in KINDS.values() if own(kind)}
    parts |= {"api": api_page(), "protocols": protocols_page()}
    parts |= {name: module_page(name) for name in ("datasets", "testing")}
    return {f"{name}.md": "\n\n".join([NOTE, *page]) + "\n" for name, page in parts.items()}


# -------------------------------------------------------------------------------------------------------- components


def own(kind: Kind) -> dict[Any, list[Provider]]:
    """bpframe's own components of a kind, each with the providers that name it: its main name, then aliases."""
    found: dict[Any, list[Provider]] = {}
    for provider in bp.providers(kind.name):
        if provider.dist == "bpframe":
            found.setdefault(bp.load(kind.name, provider.name), []).append(provider)
    for component, providers in found.items():
        main = registry.registry.provider_of(kind.name, component)
        providers.sort(key=lambda provider: provider != main)
    return found


def kind_page(kind: Kind) -> Iterator[str]:
    """A kind's protocol, a list of its components, and an entry for each."""
    laws = " or ".join(f"[{p.__name__}](protocols.md#{p.__name__.lower()})" for p in kind.protocols)
    yield f"# {kind.plural.replace('_', ' ').capitalize()}"
    yield f"Protocol: {laws}. Entry-point group of plugins: `{kind.group}`. In Python: `bp.{kind.plural}`."
    components = own(kind)
    yield "\n".join(f"- [{ps[0].name}](#{heading(ps)[1]}): {first_sentence(c)}" for c, ps in components.items())
    for component, providers in components.items():
        yield f"## {heading(providers)[0]}"
        yield from component_entry(kind, component, providers[0])


def heading(providers: list[Provider]) -> tuple[str, str]:
    """(the heading of a component's entry, its anchor)."""
    names = [provider.name for provider in providers]
    return ", alias ".join(f"`{name}`" for name in names), "-alias-".join(names)


def component_entry(kind: Kind, component: Any, provider: Provider) -> Iterator[str]:
    """Signature, the module's docstring (its shapes), the component's, fixed properties, provider."""
    yield fenced(wrapped(signature(provider.name, component)))
    yield prose(inspect.getmodule(component))
    yield prose(component)
    names = sorted({name for protocol in kind.protocols for name in get_protocol_members(protocol)})
    fixed = [(name, getattr(component, name, None)) for name in names]
    stated = "".join(f"; {name} `{value}`" for name, value in fixed if isinstance(value, str))
    yield f"Provider `{provider.ref}`, `{provider.target}`{stated}."


# ------------------------------------------------------------------------------------------------- modules and classes


def api_page() -> Iterator[str]:
    """Everything that `bpframe` names."""
    yield "# Python API"
    yield prose(bp)
    for cls in CLASSES:
        yield from class_entry(cls)
    yield "## Components by name"
    yield prose(registry)
    yield "\n\n".join(item(signature(f"bp.{name}", getattr(bp, name)), getattr(bp, name)) for name in LOOK_UP)
    yield from class_entry(Provider)
    yield "## Namespaces"
    yield "\n".join(f"- `bp.{kind.plural}`: {where(kind)}" for kind in sorted(KINDS.values(), key=lambda k: k.plural))
    yield "## Hooks"
    yield prose(hooks) + " The mark is `bp.hookimpl`."
    yield "\n\n".join(item(signature(name, getattr(hooks, name)), getattr(hooks, name)) for name in hooks.SPECS)
    yield from class_entry(RunState)
    yield "## Errors"
    yield "`bp.errors`, all importable from `bpframe.errors`."
    yield prose(bp.errors)
    yield "## Modules"
    yield "- `bp.datasets`: [data sets](datasets.md)\n- `bp.testing`: [checks](testing.md)"
    yield "`bp.__version__` is the version installed."


def where(kind: Kind) -> str:
    """Where the reference describes a kind."""
    protocol = kind.protocols[0].__name__
    listed = f"[{kind.plural}]({kind.plural}.md), " if own(kind) else ""
    return f"{listed}protocol [{protocol}](protocols.md#{protocol.lower()})"


def protocols_page() -> Iterator[str]:
    """What a component of each kind must offer, and the types in these signatures."""
    yield "# Protocols"
    yield prose(protocols)
    for cls in vars(protocols).values():
        if isinstance(cls, type) and cls.__module__ == protocols.__name__:
            yield from class_entry(cls)
    yield "## Types"
    yield prose(types)
    yield fenced("\n".join(re.findall(r"^\w+ = .*#.*$", inspect.getsource(types), re.MULTILINE)))


def module_page(name: str) -> Iterator[str]:
    """The functions and classes that a module names in `__all__`, by the file they come from."""
    module = importlib.import_module(f"bpframe.{name}")
    yield f"# `bpframe.{name}`"
    yield prose(module)
    described = {module.__name__}
    for public in sorted(module.__all__, key=lambda public: getattr(module, public).__module__):
        value = getattr(module, public)
        yield f"## `{public}`"
        if value.__module__ not in described:
            described.add(value.__module__)
            yield prose(inspect.getmodule(value))
        yield from [fenced(wrapped(signature(public, value))), prose(value)]


def class_entry(cls: type) -> Iterator[str]:
    """A class with its public methods and properties."""
    yield f"## {cls.__name__}"
    if not getattr(cls, "_is_protocol", False):
        yield fenced(wrapped(signature(cls.__name__, cls)))
    yield prose(cls)
    for name, member in vars(cls).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield item(f"{name}: {member.fget.__annotations__['return']}", member)
        elif inspect.isfunction(member) or isinstance(member, classmethod | staticmethod):
            yield item(signature(name, inspect.getattr_static(cls, name)), member)


# ------------------------------------------------------------------------------------------------------------- text


def signature(name: str, function: Any) -> str:
    """name(arguments with defaults) -> result, without self."""
    plain = inspect.signature(getattr(function, "__func__", function))
    arguments = [p for p in plain.parameters.values() if p.name not in ("self", "cls")]
    text = f"{name}{plain.replace(parameters=arguments)}".replace(" = <factory>", "")
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text).removesuffix(" -> None")  # annotations are kept as text


def wrapped(text: str) -> str:
    """A long signature with an argument a line."""
    if len(text) <= 110:
        return text
    lines = re.sub(r", (?=\*|/|\w+: )", ",\n    ", text)
    return re.sub(r"\)( -> .*)?$", r",\n)\1", lines.replace("(", "(\n    ", 1))


def item(title: str, documented: Any) -> str:
    """An entry of a list: code, and below it the docstring."""
    return f"- `{title}`\n\n{textwrap.indent(prose(documented), '  ')}"


def prose(documented: Any) -> str:
    """The docstring as Markdown: tables and drawings as they are, signs that Markdown would act on escaped."""
    paragraphs = (inspect.getdoc(documented) or "").split("\n\n")
    text = "\n\n".join(fenced(textwrap.dedent(p)) if laid_out(p) else escaped(p) for p in paragraphs)
    return text.replace("\n```\n\n```text\n", "\n\n")  # one block after another is one block


def laid_out(paragraph: str) -> bool:
    """Whether its lines or columns stand where they stand on purpose."""
    columns = re.findall(r"^\S+ {2,}\S", paragraph, re.MULTILINE)
    return paragraph.startswith("    ") or len(columns) > 1 or bool(re.search(r"\S {3,}\S", paragraph))


def escaped(paragraph: str) -> str:
    """Signs that would start emphasis or a tag escaped, outside of code."""
    parts = re.split(r"(`[^`]*`)", paragraph)
    signs = r"(\*(?! )|(?<!\w)_|_(?!\w)|<(?=[\w/!?]))"
    return "".join(part if part.startswith("`") else re.sub(signs, r"\\\1", part) for part in parts)


def fenced(text: str) -> str:
    """A block of text as it is."""
    return f"```text\n{text}\n```"


def first_sentence(component: Any) -> str:
    """What the component's module says it is: its docstring up to the first full stop."""
    return (inspect.getdoc(inspect.getmodule(component)) or "").split(".")[0]


def main() -> None:
    """Write every page, and delete those that nothing makes any more."""
    FOLDER.mkdir(exist_ok=True)
    fresh = pages()
    for stale in {path.name for path in FOLDER.glob("*.md")} - fresh.keys():
        (FOLDER / stale).unlink()
    for name, text in fresh.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
