"""The section of the ranking: the ratio of each rule to the reference with its interval, drawn and in numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bpframe.report.markup import Child, Html, fragment, scroll_table, tag, words_cell
from bpframe.report.number_text import ratio_text

WIDTH, HEIGHT, EDGE = 220, 20, 6  # of the drawing of an interval
LEAST, MOST = math.log(2), math.log(16)  # logarithms of ratios at the ends of the drawing, at least and at most


def ranking_section(summary: Mapping[str, Any]) -> tuple[str, Html] | None:
    """A row for each rule, the best first; the sanity rows among them."""
    reference, steps = summary["reference"], summary["primary"] == "steps"
    what = "steps to the target" if steps else "error at the end"
    reach = _reach([rule["overall"] for rule in summary["rules"]])
    header = ["rule", "ratio", "interval", "", "coverage", "units", "score", "verdict"]
    rows = [
        [rule["title"], *_numbers(rule["overall"], reach), _score(rule), _verdict(rule)] for rule in summary["rules"]
    ]
    caption = f"Ratio of the {what} to that of {reference}; below 1 is better"
    table = scroll_table(header, rows, numbers=(1, 2, 4, 5, 6), caption=caption)
    drawn = f"Drawn from {math.exp(-reach):.2g} to {math.exp(reach):.2g}, the line at 1."
    note = (
        "Intervals are those of sign flips over units, pairs of workload and study, and cover the true ratio with the "
        f"probability that stands beside them. {drawn} The score is the share of the ratios from 1 to 4 to the fastest "
        "rule of a unit at which a rule keeps up."
    )
    return "Ranking", fragment([table, tag("p", note, class_="hint")])


def _reach(found: Sequence[Mapping[str, Any] | None]) -> float:
    """The logarithm of the largest ratio that is drawn, the same above and below 1."""
    ends = [ratio[end] for ratio in found if ratio for end in ("low", "high")]
    sizes = [abs(math.log(end)) for end in ends if 0 < end < math.inf]
    return min(MOST, max([LEAST, *(1.1 * size for size in sizes)]))


def _numbers(overall: Mapping[str, Any] | None, reach: float) -> list[Child]:
    if overall is None:
        return ["", "", "", "", "0"]
    low, high = (ratio_text(overall[end]) for end in ("low", "high"))
    text = f"{low} to {high}"
    return [
        ratio_text(overall["ratio"]),
        text,
        _interval(overall, reach, text),
        f"{overall['coverage']:.1%}",
        str(overall["units"]),
    ]


def _interval(overall: Mapping[str, Any], reach: float, text: str) -> Html:
    """The interval as a line, the ratio as a dot, beside the line at 1."""

    def place(ratio: float) -> float:
        log = -math.inf if ratio <= 0 else math.log(ratio) if math.isfinite(ratio) else math.inf
        return EDGE + (min(max(log, -reach), reach) / reach + 1) / 2 * (WIDTH - 2 * EDGE)

    low, middle, high = (f"{place(overall[name]):.1f}" for name in ("low", "ratio", "high"))
    one, up = f"{WIDTH / 2:.1f}", f"{HEIGHT / 2:.1f}"
    return tag(
        "svg",
        tag("line", x1=one, x2=one, y1="0", y2=str(HEIGHT), class_="ideal"),
        tag("line", x1=low, x2=high, y1=up, y2=up, class_="line"),
        tag("circle", cx=middle, cy=up, r="4", class_="dot"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"Interval {text}",
        class_="plot interval",
    )


def _score(rule: Mapping[str, Any]) -> str:
    return "" if rule["score"] is None else f"{rule['score']:.2f}"


def _verdict(rule: Mapping[str, Any]) -> Html:
    return words_cell(rule["verdict"] + (f" (sanity row: {rule['row']})" if rule["row"] else ""))
