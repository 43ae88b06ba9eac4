"""The documents that come with bpframe: pages and examples, from a wheel or from a checkout, and pages as HTML."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from html import escape
from pathlib import Path

from bpframe.errors import CheckpointError, ConfigError
from bpframe.saving.atomic import write_file
from bpframe.saving.cache_folder import cache_folder
from bpframe.version import VERSION

PACKAGE = Path(__file__).parents[1]
CODE = ".txt"  # stands behind the names of an example's source files in a wheel, where they are no code of bpframe
INDEX = "README"  # the page that has links to all others
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 54rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
pre { background: #f4f4f4; padding: .7rem; overflow-x: auto } code { font-size: .9em }
table { border-collapse: collapse; display: block; overflow-x: auto }
img { max-width: 100% }
th, td { border: 1px solid #ccc; padding: .2rem .5rem }
"""


def root() -> Path:
    """The folder that holds docs/ and plugins/example/: one in the wheel, or the checkout that bpframe runs from."""
    places = (PACKAGE / "documents", PACKAGE.parent)
    found = next((place for place in places if (place / "docs" / "README.md").is_file()), None)
    if found is None:
        raise CheckpointError(f"bpframe in {PACKAGE} comes without its documents. Install its wheel.")
    return found


def pages() -> dict[str, Path]:
    """Every page by its path below docs, without suffix: "how-to/write-a-plugin"."""
    docs = root() / "docs"
    return {path.relative_to(docs).with_suffix("").as_posix(): path for path in sorted(docs.rglob("*.md"))}


def is_page(given: str) -> bool:
    """Whether there is a page of that name, or whose path ends in it."""
    return bool(_pages_of(_wanted(given), pages()))


def _wanted(given: str) -> str:
    return given.removeprefix("docs/").removesuffix(".md")


def _pages_of(wanted: str, known: Iterable[str]) -> list[str]:
    return [name for name in known if name == wanted or name.endswith(f"/{wanted}")]


def page_name(given: str) -> str:
    """The page of that name, or whose path ends in it; ConfigError otherwise."""
    known, wanted = pages(), _wanted(given)
    found = _pages_of(wanted, known)
    if not found:
        close = get_close_matches(wanted, [*known, *(name.rpartition("/")[2] for name in known)], n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise ConfigError(f"bpframe docs has no page '{given}'.{hint} Pages: {', '.join(known)}.")
    return found[0]


def write_html(folder: Path) -> None:
    """All pages as HTML, their pictures and examples, into a folder; CheckpointError where that cannot be written."""
    docs = root() / "docs"
    try:
        for path in sorted(docs.rglob("*")):
            target = folder / path.relative_to(docs)
            if path.is_dir():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".md":
                write_file(target.with_suffix(".html"), html_page(path.read_text(encoding="utf-8")))
            else:
                shutil.copyfile(path, target)
    except OSError as error:
        raise CheckpointError(f"The pages cannot be written to {folder}: {error}. Choose another: --output.") from error


def html_page(text: str) -> str:
    """A page of Markdown as a whole page of HTML, whose links lead to the HTML of other pages."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    body = re.sub(r'(<a href="(?![a-z]+:)[^"#]*)\.md(["#])', r"\1.html\2", body)
    body = re.sub(r"<h(\d)>(.*?)</h\1>", _with_anchor, body)
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    head = f'<meta charset="utf-8"><title>{escape(title[1] if title else "bpframe")}</title><style>{STYLE}</style>'
    return f"<!DOCTYPE html>\n<html><head>{head}</head><body>\n{body}</body></html>\n"


def _with_anchor(heading: re.Match[str]) -> str:
    words = re.sub(r"<[^>]*>|&\w+;", "", heading[2]).lower()
    anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
    return f'<h{heading[1]} id="{anchor}">{heading[2]}</h{heading[1]}>'


def pages_folder() -> Path:
    """Where the pages of this version go by default: in the user's folder for caches."""
    return cache_folder() / f"docs-{VERSION}"


def examples() -> dict[str, dict[str, Path]]:
    """The files of each example by their names, relative to where they are to be put."""
    configs = {path.stem: dict(_config_files(path)) for path in sorted((root() / "docs" / "examples").glob("*.toml"))}
    return {**configs, "plugin": dict(_plugin_files(root() / "plugins" / "example"))}


def _config_files(config: Path) -> Iterator[tuple[str, Path]]:
    """A config, and the script beside it that makes its data, if there is one."""
    yield config.name, config
    script = config.with_suffix(".py")
    yield from ((script.name, path) for path in (script, script.with_name(script.name + CODE)) if path.is_file())


def _plugin_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix().removesuffix(CODE)
        if name.endswith((".py", "README.md", "pyproject.toml")) and not name.startswith("."):
            yield f"bpframe-example/{name}", path
