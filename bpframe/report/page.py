"""The page of a report: one HTML file, which needs no network and runs no script but its own."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from bpframe.report.charts import chart_data
from bpframe.report.markup import Html, tag
from bpframe.report.run_report import RunReport
from bpframe.report.sections import SECTIONS
from bpframe.report.thinning import MOST_POINTS
from bpframe.version import VERSION

SVG = "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none'%3E"
AXES, CURVE = "%3Cpath d='M1 2v12h14' stroke='%23888'/%3E", "%3Cpath d='M3 3c1 7 4 9 11 9' stroke='%230b62a8'/%3E"
ICON = f"data:image/svg+xml,{SVG}{AXES}{CURVE}%3C/svg%3E"


def report_page(report: RunReport) -> str:
    """The page as a text."""
    found = [section(report) for section in SECTIONS]
    sections = [(title, contents) for title, contents in filter(None, found)]
    scripts = [_text("vendor/uplot/uPlot.iife.min.js"), _text("page.js")]
    data = tag("script", script_json(page_data(report)), type="application/json", id="data")
    body = [
        tag("a", "Skip to the contents", href="#contents", class_="skip"),
        _header(report, [title for title, _ in sections]),
        tag("main", *(_section(title, contents) for title, contents in sections), id="contents"),
        _footer(),
        data,
        *(tag("script", Html(script)) for script in scripts),
    ]
    return f"<!DOCTYPE html>\n{tag('html', _head(report, scripts), tag('body', *body), lang='en')}\n"


def page_data(report: RunReport) -> dict[str, Any]:
    """What the page draws."""
    most = None if report.options.full else MOST_POINTS
    return {"live": report.live, **chart_data(report.runs, report.groups, most)}


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


def _head(report: RunReport, scripts: list[str]) -> Html:
    style = Html(_text("vendor/uplot/uPlot.min.css") + _text("page.css"))
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy(scripts, report.live)),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("meta", name_="referrer", content="no-referrer"),
        tag("title", f"Report of {report.title}"),
        Html(f'<link rel="icon" href="{ICON}">'),
        tag("style", style),
    )


def _header(report: RunReport, titles: list[str]) -> Html:
    links = [tag("li", tag("a", title, href=f"#{_anchor(title)}")) for title in titles]
    what = "Live report of" if report.live else "Report of"
    state = tag("span", id="state", role="status") if report.live else None
    switch = tag("button", "Dark or light", id="theme", type="button", class_="button")
    heading = tag("h1", tag("small", what), " ", report.title)
    return tag(
        "header",
        tag("div", heading, state, switch, class_="title"),
        tag("nav", tag("ul", *links), aria_label="Contents"),
    )


def _section(title: str, contents: Html) -> Html:
    anchor = _anchor(title)
    return tag("section", tag("h2", title, id=anchor), contents, aria_labelledby=anchor)


def _footer() -> Html:
    licence = tag(
        "details",
        tag("summary", "Licence of uPlot, which draws the curves"),
        tag("pre", _text("vendor/uplot/LICENSE"), tabindex="0"),
    )
    return tag("footer", tag("p", f"Made by bpframe {VERSION}."), licence)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


@cache
def _text(name: str) -> str:
    """A file of this room, wherever it is installed."""
    return files("bpframe.report").joinpath(name).read_text(encoding="utf-8")
