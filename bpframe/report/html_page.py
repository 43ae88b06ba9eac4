"""An HTML page of sections: one file, which needs no network and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, final

from bpframe.report.markup import Html, tag
from bpframe.version import VERSION

SVG = "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none'%3E"
AXES, CURVE = "%3Cpath d='M1 2v12h14' stroke='%23888'/%3E", "%3Cpath d='M3 3c1 7 4 9 11 9' stroke='%230b62a8'/%3E"
ICON = f"data:image/svg+xml,{SVG}{AXES}{CURVE}%3C/svg%3E"


@final
@dataclass(frozen=True)
class HtmlPage:
    """`what` the page is, "Report of", of what `title` says; its sections, (title, contents), and what it draws.

    `curves`: whether uPlot comes along, which draws these. `live`: whether it hears from its own server.
    """

    what: str
    title: str
    sections: Sequence[tuple[str, Html]]
    data: Mapping[str, Any]
    curves: bool = True
    live: bool = False

    def text(self) -> str:
        """The page as a text."""
        names = [*(["vendor/uplot/uPlot.iife.min.js"] if self.curves else []), "page.js"]
        scripts = [_text(name) for name in names]
        body = [
            tag("a", "Skip to the contents", href="#contents", class_="skip"),
            self._header(),
            tag("main", *(_section(title, contents) for title, contents in self.sections), id="contents"),
            self._footer(),
            tag("script", script_json(self.data), type="application/json", id="data"),
            *(tag("script", Html(script)) for script in scripts),
        ]
        return f"<!DOCTYPE html>\n{tag('html', self._head(scripts), tag('body', *body), lang='en')}\n"

    def _head(self, scripts: list[str]) -> Html:
        style = Html((_text("vendor/uplot/uPlot.min.css") if self.curves else "") + _text("page.css"))
        return tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy(scripts, self.live)),
            tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name_="color-scheme", content="light dark"),
            tag("meta", name_="referrer", content="no-referrer"),
            tag("title", f"Report of {self.title}"),
            Html(f'<link rel="icon" href="{ICON}">'),
            tag("style", style),
        )

    def _header(self) -> Html:
        links = [tag("li", tag("a", title, href=f"#{_anchor(title)}")) for title, _ in self.sections]
        state = tag("span", id="state", role="status") if self.live else None
        switch = tag("button", "Dark or light", id="theme", type="button", class_="button")
        heading = tag("h1", tag("small", self.what), " ", self.title)
        return tag(
            "header",
            tag("div", heading, state, switch, class_="title"),
            tag("nav", tag("ul", *links), aria_label="Contents"),
        )

    def _footer(self) -> Html:
        licence = tag(
            "details",
            tag("summary", "Licence of uPlot, which draws the curves"),
            tag("pre", _text("vendor/uplot/LICENSE"), tabindex="0"),
        )
        return tag("footer", tag("p", f"Made by bpframe {VERSION}."), licence if self.curves else None)


def script_json(data: Mapping[str, Any]) -> Html:
    """JSON that may stand in a script of a page: nothing in it ends the script."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return Html(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def policy(scripts: list[str], live: bool) -> str:
    """What the browser lets the page do: these scripts, its own style, and, live, to hear from its own server."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    listening = "; connect-src 'self'" if live else ""
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:{listening}"


def _section(title: str, contents: Html) -> Html:
    anchor = _anchor(title)
    return tag("section", tag("h2", title, id=anchor), contents, aria_labelledby=anchor)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


@cache
def _text(name: str) -> str:
    """A file of this room, wherever it is installed."""
    return files("bpframe.report").joinpath(name).read_text(encoding="utf-8")
