"""What a comparison says is a function of its file: ratios, verdicts and warnings, against numbers by hand."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import pytest

from bpframe.studies.comparison_findings import comparison_summary
from bpframe.studies.comparison_tables import comparison_text
from bpframe.studies.curves import lr_decades, median_best_of, step_seconds, steps_to_target
from tests.studies.comparison_by_hand import Records, records, scoring


def by_title(found: Records, title: str) -> dict[str, Any]:
    rules: list[dict[str, Any]] = comparison_summary(found)["rules"]
    return next(one for one in rules if one["title"] == title)


def test_a_rule_that_needs_twice_the_steps_has_the_ratio_2_and_is_worse() -> None:
    overall = by_title(records(), "b")["overall"]
    assert overall["ratio"] == pytest.approx(2, rel=0.02)
    assert overall["low"] <= 2.01
    assert overall["high"] >= 1.99
    assert (overall["coverage"], overall["units"], overall["difference"]) == (1 - 2 / 64, 6, True)
    assert [one["title"] for one in comparison_summary(records())["rules"]] == ["a", "b", "nothing"]
    assert [one["title"] for one in comparison_summary(records(0.5))["rules"]] == ["b", "a", "nothing"]


def test_with_five_units_no_difference_is_shown_and_that_is_said() -> None:
    found = records(units=5)
    assert not by_title(found, "b")["overall"]["difference"]
    text = comparison_text(comparison_summary(found))
    assert "no difference shown" in text
    assert "5 pairs of workload and study cover 94% at most" in text


def test_units_that_disagree_show_no_difference() -> None:
    found = records()
    for record in found[1:]:
        if record["trial"]["rule"] == "b" and record["trial"]["study"] in (1, 2, 3):
            record["looks"] = [look / 4 for look in record["looks"]]
    assert not by_title(found, "b")["overall"]["difference"]


def test_a_miss_counts_as_infinity_in_the_median_and_in_the_ratio() -> None:
    found = records()
    for record in found[1:]:
        if record["trial"]["rule"] == "b":
            record["values"] = [1.0, 0.9, 0.8]
    summary = comparison_summary(found)
    on = summary["workloads"][0]["rules"]["b"]
    assert (on["steps"], on["misses"], on["runs"]) == (math.inf, 12, 12)
    assert by_title(found, "b")["overall"]["ratio"] == math.inf
    assert by_title(found, "b")["score"] == 0
    assert "never" in comparison_text(summary)


def test_the_score_is_the_share_of_ratios_up_to_4_at_which_a_rule_keeps_up() -> None:
    assert by_title(records(), "a")["score"] == 1
    assert by_title(records(), "b")["score"] == pytest.approx((4 - 2) / 3, abs=0.01)


def test_the_summary_depends_on_the_records_alone_and_not_on_their_order() -> None:
    found = records()
    again = [found[0], *reversed(copy.deepcopy(found[1:]))]
    plain = json.loads(json.dumps(comparison_summary(found)))
    mirrored = json.loads(json.dumps(comparison_summary(again)))
    assert plain["rules"] == mirrored["rules"]
    assert comparison_summary(found[:1]) == {}
    assert comparison_text({}) == "No trial has ended."


def test_a_target_is_reached_on_the_line_between_two_looks_and_must_be_kept() -> None:
    def steps(values: list[float | None], lower: bool = True) -> float:
        return steps_to_target(scoring("a", 1, 1, 4, [10, 20, 30], values), 0.5, lower)

    assert steps([1.0, 0.75, 0.25]) == 25
    assert steps([0.5, 0.1, 0.1]) == 10
    assert steps([1.0, 0.4, 0.6]) == math.inf
    assert steps([1.0, 0.9, 0.5]) == 30
    assert steps([None, 0.4, 0.4]) == 20
    assert steps([0.25, 0.25, 0.75], lower=False) == 25


def test_the_start_is_timed_apart_from_a_step() -> None:
    record = scoring("a", 1, 1, 1, [10, 20, 30, 40], [1.0] * 4)
    record["seconds"]["training"] = [5.1, 5.2, 5.3, 5.4]
    assert step_seconds(record) == pytest.approx((0.01, 5.0))


def test_the_width_in_learning_rates_is_that_within_a_tenth_of_the_best() -> None:
    tuned = [{"settings": {"lr": lr}} for lr in (0.001, 0.01, 0.1, 1.0)]
    assert lr_decades(tuned, [2.0, 1.05, 1.0, 3.0], "lr") == pytest.approx(1.0)
    assert lr_decades(tuned, [math.inf] * 4, "lr") is None


def test_the_best_of_k_is_the_median_over_all_draws() -> None:
    assert median_best_of([3.0, 1.0, 2.0], 1) == 2.0
    assert median_best_of([3.0, 1.0, 2.0], 3) == 1.0
    assert median_best_of([math.inf, math.inf, 1.0], 1) == math.inf


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ("flip", "w: which of a and b ends better depends on the horizon."),
        ("nothing", "w: a rule that does nothing reaches the target, which is too easy."),
        ("edge", "b: lr is best at the highest value tried on w"),
        ("space", "b declares no tuning_space"),
        ("adam", "w: tuned adam ends behind tuned sgd"),
    ],
)
def test_what_is_not_to_be_believed_is_said(change: str, note: str) -> None:
    found = records()
    assert note not in " ".join(comparison_summary(found)["notes"])
    if change == "flip":
        for record in found[1:]:
            if record["trial"]["rule"] == "b":
                record["values"][-1] = {1: 0.3, 2: 0.4, 4: 0.45}[record["trial"]["horizon"]]
    elif change == "nothing":
        found.append(scoring("nothing", 1, 2, 4, [1, 2], [0.1, 0.1]))
    elif change == "edge":
        for i, lr in enumerate((0.01, 0.05, 0.1)):
            key = {"stage": "tuning", "workload": "w", "rule": "b", "study": 1, "point": i}
            found.append(scoring("b", 1, 1, 1, [1], [0.5]) | {"trial": key, "settings": {"lr": lr}})
    elif change == "space":
        found[0]["contestants"][1]["source"] = "three decades round the default, as it declares no space"
    else:
        text = json.dumps(found).replace('"a"', '"sgd"').replace('"b"', '"adam"')
        found = json.loads(text)
        for record in found[1:]:
            record["values"][-1] = 0.45 if record["trial"]["rule"] == "adam" else 0.2
    assert note in " ".join(comparison_summary(found)["notes"])
    assert note.split(" ")[0] in comparison_text(comparison_summary(found))


def test_diagnoses_pass_where_a_rate_does_and_are_counted() -> None:
    found = records()
    for i, passed in enumerate((True, False, False)):
        key = {"stage": "diagnosis", "diagnosis": "saddle", "rule": "a", "point": i}
        found.append({"trial": key, "passed": passed})
        found.append({"trial": {**key, "rule": "b"}, "passed": False})
    text = comparison_text(comparison_summary(found))
    assert "pass 1/3" in text
    assert "FAIL 0/3" in text
