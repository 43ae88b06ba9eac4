"""The section on sensitivity: the error at the end of each tuning trial over its learning rate, by workload."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bpframe.report.markup import Html, fragment, tag
from bpframe.report.number_text import number_text
from bpframe.report.svg_plot import SvgPlot, log_ticks

COLOURS = 8
DECADES = 1.5  # of errors above the best that are drawn; worse ones stand at the upper edge
Curve = Sequence[tuple[float, float]]  # (learning rate, error)


def sensitivity_section(summary: Mapping[str, Any]) -> tuple[str, Html] | None:
    """A plot for each workload; None where no learning rate was tuned."""
    colours = {rule["title"]: i for i, rule in enumerate(sorted(summary["rules"], key=lambda r: r["title"]))}
    plots = [figure for w in summary["workloads"] if (figure := _figure(w, colours)) is not None]
    if not plots:
        return None
    note = (
        "Each point is a tuning trial. A wide valley is a rule whose rate is easy to find. At the upper edge stand "
        "trials that end worse than the plot reaches, or diverged. Other settings of a rule, if it has any, differ as "
        "well."
    )
    return "Sensitivity to the learning rate", fragment(
        [tag("p", note, class_="hint"), tag("div", *plots, class_="figures-grid")]
    )


def _figure(workload: Mapping[str, Any], colours: Mapping[str, int]) -> Html | None:
    tried = {title: on["rates"] for title, on in workload["rules"].items() if on["rates"]}
    ends = [error for pairs in tried.values() for _, error in pairs if 0 < error < math.inf]
    if not ends:
        return None
    rates = [math.log10(rate) for pairs in tried.values() for rate, _ in pairs]
    low, x = math.log10(min(ends)), (min(rates), max(rates))
    y = (low - 0.05, max(low + 0.1, min(math.log10(max(ends)), low + DECADES)))
    metric = workload["metric"] if workload["lower_is_better"] else f"1 - {workload['metric']}"
    plot = SvgPlot(x, y, "learning rate", metric, log_ticks(*x), log_ticks(*y))
    lines = [_line(plot, title, pairs, colours[title]) for title, pairs in tried.items()]
    said = f"Sensitivity on {workload['name']}: {'; '.join(_best(title, pairs) for title, pairs in tried.items())}"
    legend = tag("ul", *(_key(title, colours[title]) for title in tried), class_="legend")
    return tag("figure", tag("h3", workload["name"]), plot.drawn(said, *lines), legend)


def _line(plot: SvgPlot, title: str, pairs: Curve, colour: int) -> Html:
    """The trials of a rule as dots on a line, within the plot."""
    colour %= COLOURS
    low, top = plot.y
    points = [(math.log10(rate), _height(error, low, top)) for rate, error in pairs]
    dots = [
        plot.dot(*point, f"{title}: lr {number_text(rate)}, {_end(error)}", f"dot colour-{colour}")
        for point, (rate, error) in zip(points, pairs, strict=True)
    ]
    return fragment([plot.line(points, f"line colour-{colour}"), *dots])


def _height(error: float, low: float, top: float) -> float:
    return top if not math.isfinite(error) else min(top, max(low, math.log10(error)))


def _end(error: float) -> str:
    return f"ends at {number_text(error)}" if math.isfinite(error) else "diverged"


def _best(title: str, pairs: Curve) -> str:
    rate, error = min(pairs, key=lambda pair: pair[1])
    return f"{title} {_end(error)} at the rate {number_text(rate)}"


def _key(title: str, colour: int) -> Html:
    sample = tag("span", class_="sample", style=f"color: var(--line-{colour % COLOURS})")
    return tag("li", tag("span", sample, tag("span", title), class_="key"))
