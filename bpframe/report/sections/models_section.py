"""The section on the models: what each confuses or how far it is off, how sure it is, and which columns matter."""

from __future__ import annotations

import numpy as np

from bpframe.plot.reliability_diagram import Calibration
from bpframe.report.importance import Importance, mean_importance
from bpframe.report.markup import Child, Html, fragment, scroll_table, tag
from bpframe.report.measurement import ModelMeasurement
from bpframe.report.number_text import number_text
from bpframe.report.png_image import png
from bpframe.report.residuals import Residuals
from bpframe.report.run_record import RunRecord
from bpframe.report.run_report import RunReport
from bpframe.report.svg_plot import SvgPlot
from bpframe.report.worst_rows import WorstRow
from bpframe.types import HostArray

MOST_CLASSES, MOST_BARS = 30, 20
MOST_IN_A_COLUMN = 6  # classes of a matrix that stands beside others


def models_section(report: RunReport) -> tuple[str, Html] | None:
    """What was measured of the model of each run."""
    told = [run for run in report.runs if run.measurement or run.unmeasured]
    if not told:
        return None
    if len(told) == 1:
        return "What the model gets right", fragment([_of_run(told[0]), _left_out(report)])
    parts = [
        tag("details", tag("summary", run.name), _of_run(run), open=i == 0, class_="run") for i, run in enumerate(told)
    ]
    return "What the models get right", fragment([_over_seeds(report), *parts, _left_out(report)])


def _left_out(report: RunReport) -> Html | None:
    """The runs whose models were not measured."""
    names = [run.name for run in report.runs if run.left_out]
    if not names:
        return None
    said = f"{len(names)} more model{'s were' if len(names) > 1 else ' was'} not measured"
    return tag("details", tag("summary", said), tag("p", f"To see them, report fewer runs: {', '.join(names)}."))


def _of_run(run: RunRecord) -> Html:
    if run.measurement is None:
        return tag("p", run.unmeasured)
    found = run.measurement
    first = "" if found.rows == found.of_rows else f"the first {found.rows:,} of "
    where = f"Measured on {first}{found.of_rows:,} rows of the {found.part} part."
    figures: list[Html | None] = [_confusion(found), *map(_residuals, found.residuals)]
    figures += [_calibration(found.calibration), _importance(found.importance)]
    return fragment([tag("p", where), tag("div", *figures, class_="figures-grid"), _worst(found.worst)])


def _figure(title: str, *contents: Child, note: Child = None, wide: bool = False) -> Html:
    parts = tag("h3", title), *contents, tag("figcaption", note) if note else None
    return tag("figure", *parts, class_="wide" if wide else None)


# ------------------------------------------------------------------------------------------------------- classes


def _confusion(found: ModelMeasurement) -> Html | None:
    """The matrix as a table, coloured by the share of each class; of very many classes its largest mistakes."""
    if found.confusion is None:
        return None
    if len(found.classes) > MOST_CLASSES:
        return _figure("Confusion", _largest_mistakes(found), note="The pairs of classes that are confused most.")
    share = found.confusion / np.maximum(found.confusion.sum(axis=1, keepdims=True), 1)
    rows = [
        [name, *(_cell(int(count), float(part)) for count, part in zip(counts, parts, strict=True))]
        for name, counts, parts in zip(found.classes, found.confusion, share, strict=True)
    ]
    header: list[Child] = [tag("span", "actual ↓ predicted →", class_="corner"), *found.classes]
    matrix = tag(
        "div", scroll_table(header, rows, numbers=range(1, len(header)), caption="Rows by class"), class_="confusion"
    )
    right = np.trace(found.confusion) / max(found.confusion.sum(), 1)
    note = f"{right:.1%} of the rows are right. The stronger its colour, the larger the share of a class."
    return _figure("Confusion", matrix, note=note, wide=len(found.classes) > MOST_IN_A_COLUMN)


def _cell(count: int, share: float) -> Child:
    """A count on its colour; zeros, which are most cells of many classes, have none."""
    if not count:
        return "0"
    return tag("span", f"{count:,}", class_="share", style=f"--share:{share:.3f}", title=f"{share:.1%} of this class")


def _largest_mistakes(found: ModelMeasurement) -> Html:
    assert found.confusion is not None
    wrong = found.confusion * ~np.eye(len(found.classes), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_BARS]
    pairs = [divmod(int(k), len(found.classes)) for k in order if wrong.reshape(-1)[k]]
    rows = [[found.classes[a], found.classes[b], f"{wrong[a, b]:,}"] for a, b in pairs]
    return scroll_table(["actual", "predicted", "rows"], rows, numbers=[2], caption="The most frequent mistakes")


def _calibration(found: Calibration | None) -> Html | None:
    """The share that is right by confidence, beside what it would be if the model knew itself."""
    if found is None:
        return None
    plot = SvgPlot((0, 1), (0, 1), "confidence", "share that is right")
    columns = zip(found.rows, found.probability, found.share, found.low, found.high, strict=True)
    said, dots, points = [], [], []
    for rows, x, y, low, high in ([float(value) for value in column] for column in columns):
        said.append(f"{rows:,.0f} rows: confidence {x:.1%}, right {y:.1%}, 95% interval {low:.1%} to {high:.1%}")
        dots += [plot.line([(x, low), (x, high)], "whisker"), plot.dot(x, y, said[-1])]
        points.append((x, y))
    shapes = [plot.line([(0, 0), (1, 1)], "ideal"), plot.line(points), *dots]
    drawn = plot.drawn("Reliability diagram. " + "; ".join(said), *shapes)
    note = f"Expected calibration error {found.error:.3f}. Below the dashed line the model is too sure of itself."
    return _figure("Calibration", drawn, note=f"{note} Bars are 95% intervals.")


# ---------------------------------------------------------------------------------------------------- quantities


def _residuals(found: Residuals) -> Html:
    """Quantiles of actual minus predicted, by the prediction."""
    x, low, high = found.prediction, float(found.quantiles.min()), float(found.quantiles.max())
    low, high = min(low, 0.0), max(high, 0.0)
    plot = SvgPlot((float(x.min()), float(x.max())), (low, high), "predicted", "actual - predicted")

    def line(k: int) -> list[tuple[float, float]]:
        return [(float(a), float(b)) for a, b in zip(x, found.quantiles[:, k], strict=True)]

    shapes = [
        plot.area(line(0), line(4)),
        plot.area(line(1), line(3)),
        plot.line([(plot.x[0], 0), (plot.x[1], 0)], "ideal"),
    ]
    said = f"Residuals: mean {number_text(found.mean)}, standard deviation {number_text(found.deviation)}"
    note = f"{said}, R² {number_text(found.r2)}. Median, middle 50% and middle 90% of the rows by what was predicted."
    return _figure("Residuals", plot.drawn(said, *shapes, plot.line(line(2))), note=note)


# ------------------------------------------------------------------------------------------------------- columns


def _importance(found: Importance | None) -> Html | None:
    """The columns of one model."""
    if found is None:
        return None
    note = "How much the loss rises when the values of one column are shuffled among the rows, ± deviation."
    return _bars("Permutation importance", found, note)


def _over_seeds(report: RunReport) -> Html | None:
    """The columns of each config whose models of several seeds were measured, with intervals over these."""
    figures = []
    for group in report.groups:
        measured = [report.runs[i].measurement for i in group.runs]
        each = [one.importance for one in measured if one is not None and one.importance is not None]
        if len(each) > 1 and len({one.columns for one in each}) == 1:
            note = f"Mean over {len(each)} seeds ± half of its 95% interval: the rise of the loss without each column."
            figures.append(_bars(f"Permutation importance, {group.name}", mean_importance(each), note))
    return tag("div", *figures, class_="figures-grid") if figures else None


def _bars(title: str, found: Importance, note: str) -> Html:
    """A bar for each column, the longest first."""
    order = np.argsort(-found.increase, kind="stable")[:MOST_BARS]
    largest = max(float(found.increase.max()), 1e-300)
    rows = [[found.columns[k], _bar(float(found.increase[k]) / largest), _increase(found, k)] for k in order]
    bars = scroll_table(["column", "", "loss"], rows, numbers=[2], caption="Increase of the loss")
    others = len(found.columns) - len(order)
    rest = f" {others:,} columns of less importance are left out." if others else ""
    return _figure(title, tag("div", bars, class_="bars"), note=note + rest)


def _increase(found: Importance, k: int) -> str:
    return f"{found.increase[k]:+.3g} ± {found.deviation[k]:.1g}"


def _bar(share: float) -> Html:
    return tag("span", class_="bar", style=f"--share:{max(share, 0):.3f}")


# ---------------------------------------------------------------------------------------------------------- rows


def _worst(rows: tuple[WorstRow, ...]) -> Html | None:
    """The rows of the largest losses: pictures where rows are images, else their values."""
    if not rows:
        return None
    return tag("div", tag("h3", "Worst rows"), tag("div", *map(_worst_row, rows), class_="worst"))


def _worst_row(row: WorstRow) -> Html:
    told = f"row {row.number}: {row.actual}, predicted {row.predicted}, loss {number_text(row.loss)}"
    if row.image is not None:
        return tag("figure", _picture(row.image, told), tag("figcaption", told))
    return tag(
        "figure", tag("figcaption", told), scroll_table(["column", "value"], row.values, numbers=[1], caption=told)
    )


def _picture(pixels: HostArray, text: str) -> Html:
    height, width = pixels.shape[:2]
    return tag("img", src=png(pixels), alt=text, width=width, height=height)
