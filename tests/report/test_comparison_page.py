"""The page of a comparison says what its file says, and shows names as text."""

from __future__ import annotations

import base64
import itertools
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from bpframe.studies import comparison_report
from bpframe.studies.comparison_command import comparison_command
from bpframe.studies.comparison_findings import comparison_summary
from tests.studies.comparison_by_hand import Records, records, scoring, whole_comparison

HOSTILE = ("<b class=planted>one", "two</td><script>planted</script>")
LAYER = "<i class=planted>dense"
CONFIG = 'loss = "mse"\n[data]\nsource = "/home/planted/rows.csv"\n'


class Tables(HTMLParser):
    """The rows of all tables of a page by caption, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._place: list[str] = []
        self._rows: list[list[str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self._rows, self._place = [], []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("th", "td", "caption"):
            self._place = [tag]
            if tag != "caption":
                self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td"):
            self._place = []
        elif tag == "caption":
            self.tables[self.text.rpartition("\0")[2]] = self._rows
            self._place = []

    def handle_data(self, data: str) -> None:
        if self._place == ["caption"]:
            self.text += "\0" + data
        else:
            self.text += data + " "
            if self._place:
                self._rows[-1][-1] += data


def page_of(found: Records) -> Tables:
    return Tables(comparison_report(found))


def table(page: Tables, start: str) -> dict[str, dict[str, str]]:
    """The cells of the table whose caption starts so, by row and column."""
    header, *rows = next(rows for caption, rows in page.tables.items() if caption.startswith(start))
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def test_the_ranking_has_ratio_interval_coverage_and_verdict_of_the_summary() -> None:
    found = whole_comparison()
    ranking = table(page_of(found), "Ratio of the steps to the target to that of a")
    assert list(ranking) == ["a", "b", "nothing"]
    overall = next(rule["overall"] for rule in comparison_summary(found)["rules"] if rule["title"] == "b")
    assert ranking["b"]["ratio"] == f"{overall['ratio']:.3g}"
    assert ranking["b"]["interval"] == f"{overall['low']:.3g} to {overall['high']:.3g}"
    assert (ranking["b"]["coverage"], ranking["b"]["units"], ranking["b"]["verdict"]) == ("96.9%", "6", "worse")
    assert ranking["nothing"]["verdict"] == "never measured (sanity row: a rule that does nothing)"


def test_an_interval_is_drawn_in_proportion_to_its_logarithm() -> None:
    page = page_of(records(slower=4.0))
    drawn = [tags for tag, tags in page.tags if tag in ("line", "circle")]
    one, line, dot = drawn[3:6]  # of rule b, behind those of the reference
    assert (one["class"], line["class"], dot["class"]) == ("ideal", "line", "dot")
    assert float(dot["cx"] or 0) > float(one["x1"] or 0)
    assert float(line["x1"] or 0) <= float(dot["cx"] or 0) <= float(line["x2"] or 0)
    mirrored = page_of(records(slower=0.25))
    dots = [float(tags["cx"] or 0) for tag, tags in mirrored.tags if tag == "circle"]
    assert min(dots) == pytest.approx(220 - float(dot["cx"] or 0), abs=1.5)


def test_a_workload_has_the_horizons_and_the_costs_to_the_target() -> None:
    rows = table(page_of(whole_comparison()), "w: mae (lower is better), target 0.5")
    on = comparison_summary(whole_comparison())["workloads"][0]["rules"]["b"]
    assert [rows["b"][f"{h}x"] for h in (1, 2, 4)] == ["0.4"] * 3
    assert rows["b"]["steps"] == f"{on['steps']:.0f}"
    assert rows["b"]["misses"] == "0/12"
    assert rows["b"]["a step"] == "1 ms"
    assert rows["b"]["CPU"].endswith("ms")


def test_a_rule_that_never_reaches_the_target_says_never() -> None:
    found = whole_comparison()
    for record in found[1:]:
        if record["trial"]["rule"] == "b":
            record["values"] = [1.0, 0.9, 0.8]
    page = page_of(found)
    assert table(page, "w: mae")["b"]["steps"] == "never"
    assert table(page, "Ratio")["b"]["ratio"] == "never"


def test_each_tuning_trial_is_a_point_over_its_rate_and_one_that_diverged_stands_at_the_upper_edge() -> None:
    page = page_of(whole_comparison())
    points = [tags for tag, tags in page.tags if tag == "circle" and "colour" in str(tags["class"])]
    assert len(points) == 8
    places = [(float(p["cx"] or 0), float(p["cy"] or 0)) for p in points[:4]]
    assert [b[0] - a[0] for a, b in itertools.pairwise(places)] == pytest.approx([98.7] * 3, abs=0.2)
    assert places[3][1] == min(up for _, up in places)
    assert "a: lr 10, diverged" in page.text
    assert "a: lr 0.01, ends at 0.25" in page.text


def test_diagnoses_updates_spaces_and_seeds_are_on_the_page() -> None:
    page = page_of(whole_comparison())
    assert table(page, "Passed at")["a"]["saddle"] == "pass 2/4"
    assert table(page, "Passed at")["b"]["saddle"] == "FAIL 0/4"
    assert table(page, "w: size of a step")["a"]["dense_1"] == "1.0e-02, 5.0e-04, 0.0e+00"
    spaces = table(page, "Every rule gets")
    assert spaces["a"]["searched"] == "lr 0.01 to 1"
    assert spaces["a"]["source of the space"] == "by hand"
    done = {name: cells["which"] for name, cells in table(page, "What was done").items()}
    assert done["seeds of tuning"] == "100001"
    assert done["seeds of scoring"] == "2 to 13"
    assert done["plugin file b.py"] == "sha256=planted"
    assert "bpframe 9.8.7" in done["versions"]


def test_what_is_not_to_be_believed_is_on_the_page() -> None:
    found = records(units=5)
    assert "5 pairs of workload and study cover 94% at most" in page_of(found).text


def test_titles_and_layers_with_markup_are_text() -> None:
    html = comparison_report(whole_comparison(*HOSTILE, LAYER))
    page = Tables(html)
    assert [attrs for _, attrs in page.tags if "planted" in (attrs.get("class") or "")] == []
    assert html.count("<script>planted") == 0
    for text in (*HOSTILE, LAYER):
        assert text in page.text


def test_a_page_needs_no_network_and_names_no_folder() -> None:
    html = comparison_report(whole_comparison(config=CONFIG))
    places = re.findall(r"(?:src|href|action)=\"([^\"]*)\"", html)
    assert [place for place in places if not place.startswith(("#", "data:"))] == []
    assert "/home/planted" not in html
    (saved,) = [attrs for tag, attrs in Tables(html).tags if tag == "a" and "download" in attrs]
    assert saved["download"] == "w.toml"
    assert "/home/planted" not in _decoded(str(saved["href"]))
    assert 'source = "rows.csv"' in _decoded(str(saved["href"]))


def _decoded(address: str) -> str:
    return base64.b64decode(address.partition(",")[2]).decode()


def test_the_page_is_a_function_of_the_records_and_does_not_depend_on_their_order_or_on_json() -> None:
    found = whole_comparison()
    again = json.loads(json.dumps(found))
    assert comparison_report(found) == comparison_report(again)
    assert "No trial has ended." in comparison_report(found[:1])


def command_of(**changes: Any) -> str:
    found = whole_comparison("adam(beta1=0.8)", "lion")
    found[0] |= changes
    return comparison_command(found)


def test_the_command_names_what_was_asked_for() -> None:
    start = "bpframe compare 'adam(beta1=0.8)' lion"
    assert command_of() == f"{start} --workload w --studies 6 --seeds 2 --unproven --plugin b.py"
    assert command_of(config="x = 1", proven=True, plugins={}) == f"{start} --on w.toml --studies 6 --seeds 2"
    assert command_of(engine="jax", plugins={}).endswith("--seeds 2 --engine jax --unproven")
    losses = whole_comparison("loss:huber", "loss:mse")
    for each in losses[0]["contestants"]:
        each["kind"] = "loss"
    losses = [record for record in losses if record.get("trial", {}).get("stage") != "diagnosis"]
    assert "--no-diagnoses" not in comparison_command(losses)
    assert comparison_command([records()[0], scoring("a", 1, 1, 1, [1], [0.5])]).endswith("--no-diagnoses")
