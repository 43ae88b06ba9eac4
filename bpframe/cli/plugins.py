"""bpframe plugins: list the installed components, or describe one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bpframe import layout
from bpframe.cli.plugins_doctor import doctor
from bpframe.errors import ConfigError

if TYPE_CHECKING:
    from inspect import Parameter

    from bpframe.registry import Provider


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """Show the installed components. Alone, the same as `plugins list`."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_)


plugins.add_command(doctor)


@plugins.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_(as_json: bool = False) -> None:
    """List every component, without importing one."""
    from bpframe.cli.output import print_json, print_table
    from bpframe.registry import registry

    providers = registry.providers()
    if as_json:
        print_json([_record(provider) for provider in providers])
        _echo_notes(err=True)  # standard output is JSON alone
        return
    blocked = [registry.verdict(provider) for provider in providers]
    rows = [
        (p.kind, p.name, p.dist, p.version, f"blocked: {reason}" if reason else _summary(p))
        for p, reason in zip(providers, blocked, strict=True)
    ]
    styles = ["yellow" if reason else None for reason in blocked]
    origins = {f"{p.dist} {p.version}" for p in providers}
    if layout.terminal_width() is None or len(origins) > 1:
        print_table(("kind", "name", "distribution", "version", "what it is"), rows, styles)
        _echo_notes(err=False)
        return
    print_table(("kind", "name", "what it is"), [(row[0], row[1], row[4]) for row in rows], styles)
    click.echo(f"\nAll are of {origins.pop()}.")
    _echo_notes(err=False)


def _echo_notes(err: bool) -> None:
    """A line for what was passed over, for each name that bpframe's own hides, or that only a policy has."""
    from bpframe.registry import registry

    over = [f"Passed over: {each}." for each in registry.unreadable()]
    hidden = [hidden_note(provider) for provider in registry.hidden_of()]
    for note in (*over, *hidden, *registry.policy_notes()):
        click.echo(note, err=err)


def hidden_note(provider: Provider) -> str:
    """What to say of a component whose bare name is bpframe's own."""
    return (
        f"Hidden: {provider.kind} '{provider.name}' of {provider.dist}, since bpframe has one of that name: "
        f"'{provider.ref}' alone means it."
    )


@plugins.command()
@click.argument("component", metavar="KIND:NAME")
def info(component: str) -> None:
    """Show what KIND:NAME computes, its arguments, and who provides it."""
    import inspect

    from bpframe.registry import registry
    from bpframe.registry.builder import parameters

    kind, name = parse_component(component)
    provider = registry.find(kind, name)
    loaded = registry.load(kind, name)
    arguments = ", ".join(_argument(parameter) for parameter in parameters(loaded).values())
    width = layout.terminal_width()
    for line in [*layout.wrapped(f"{provider.kind} {provider.name}({arguments})", width, 4), ""]:
        click.echo(line)
    for line in _prose(inspect.getdoc(loaded) or "It has no docstring.", width):
        click.echo(line)
    click.echo(f"\ndistribution  {provider.dist} {provider.version}")
    click.echo(f"target        {provider.target}")
    click.echo(f"source        {_source_location(provider)}")


def _prose(text: str, width: int | None) -> Iterator[str]:
    """The lines of a docstring, its paragraphs filled anew where they are wider than the terminal."""
    if width is None:
        yield from text.splitlines()
        return
    for i, paragraph in enumerate(re.split(r"\n\n|\n(?=Source)", text)):
        lines = paragraph.splitlines()
        drawn = any(line.startswith(" ") or "   " in line for line in lines)
        yield from [""] if i else []
        yield from lines if drawn else layout.wrapped(" ".join(lines), width)


def parse_component(component: str) -> tuple[str, str]:
    """(kind, name) of "KIND:NAME"; ConfigError otherwise."""
    kind, colon, name = component.partition(":")
    if not colon or not name:
        raise ConfigError(f"A component needs the form KIND:NAME, got '{component}'. For example: loss:huber.")
    return kind, name


def _argument(parameter: Parameter) -> str:
    """ "lr: float = 0.001"; string annotations are shown without quotes."""
    shown = str(parameter)
    annotation = parameter.annotation
    return shown.replace(repr(annotation), annotation, 1) if isinstance(annotation, str) else shown


def _record(provider: Provider) -> dict[str, Any]:
    from bpframe.cli.argument_records import argument_records
    from bpframe.registry import registry

    return {
        "kind": provider.kind,
        "name": provider.name,
        "ref": provider.ref,
        "distribution": provider.dist,
        "version": provider.version,
        "target": provider.target,
        "summary": _summary(provider),
        "blocked": registry.verdict(provider),
        "arguments": argument_records(provider.target),
    }


def _summary(provider: Provider) -> str:
    """The first line of the component's docstring, read from its file, or else the summary of its distribution."""
    from bpframe.registry.source_code import find_source

    found = find_source(provider.target)
    return (found and found.docstring.partition("\n")[0]) or provider.summary


def _source_location(provider: Provider) -> str:
    from bpframe.registry.source_code import find_source

    found = find_source(provider.target)
    return f"{found.file}:{found.line}" if found else "not found"
