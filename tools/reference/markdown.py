"""Docstrings and signatures as Markdown."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable
from typing import Any


def prose(documented: Any) -> str:
    """The docstring as Markdown."""
    return paragraphs(inspect.getdoc(documented) or "")


def paragraphs(text: str) -> str:
    """Tables and drawings as they are, signs that Markdown would act on escaped, papers linked."""
    shown = "\n\n".join(fenced(textwrap.dedent(p)) if laid_out(p) else escaped(p) for p in text.split("\n\n"))
    return shown.replace("\n```\n\n```text\n", "\n\n")  # one block after another is one block


def laid_out(paragraph: str) -> bool:
    """Whether its lines or columns stand where they stand on purpose."""
    columns = re.findall(r"^\S+ {2,}\S", paragraph, re.MULTILINE)
    return paragraph.startswith("    ") or len(columns) > 1 or bool(re.search(r"\S {3,}\S", paragraph))


def escaped(paragraph: str) -> str:
    """Signs that would start emphasis, a tag or a list escaped, outside of code; arXiv numbers as links."""
    parts = re.split(r"(`[^`]*`)", paragraph)
    signs = r"(\*(?! )|(?<!\w)_|_(?!\w)|<(?=[\w/!?])|^[-+](?= ))"
    plain = [part if part.startswith("`") else re.sub(signs, r"\\\1", part, flags=re.MULTILINE) for part in parts]
    return re.sub(r"arXiv:(\d{4}\.\d{4,5}|[a-z-]+/\d{7})", r"[arXiv:\1](https://arxiv.org/abs/\1)", "".join(plain))


def fenced(text: str) -> str:
    """A block of text as it is."""
    return f"```text\n{text}\n```"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; cells may hold any text."""
    lines = [list(heads), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def item(title: str, documented: Any) -> str:
    """An entry of a list: code, and below it the docstring."""
    return f"- `{title}`\n\n{textwrap.indent(prose(documented), '  ')}"


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
