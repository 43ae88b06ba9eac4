"""The page of a report: its data end no script, and its policy lets no other script run."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from bpframe.report.page import page_data, report_page, script_json
from bpframe.report.report_options import ReportOptions
from bpframe.report.run_record import RunRecord
from bpframe.report.run_report import RunReport
from bpframe.report.seed_groups import SeedGroup

HOSTILE = "</script><script>planted</script><!--<script>\u2028"


def page(name: str = "one", live: bool = False) -> RunReport:
    record = RunRecord(name, {"train": {"seed": 0}, "data": {"source": "moons"}})
    return RunReport([record], [SeedGroup(name, [0])], ReportOptions(), live)


def test_nothing_in_the_data_ends_their_script() -> None:
    data = page_data(page(HOSTILE))
    text = script_json(data)
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == data


@pytest.mark.parametrize("live", [False, True])
def test_only_the_scripts_of_the_page_run_and_only_a_live_page_listens(live: bool) -> None:
    html = report_page(page(live=live))
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert found
    policy = dict(part.strip().split(" ", 1) for part in found[1].replace("&#x27;", "'").split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == " ".join(f"'sha256-{digest}'" for digest in digests)
    assert policy.get("connect-src") == ("'self'" if live else None)
    assert len(scripts) == 2


def test_a_page_asks_for_nothing_from_elsewhere() -> None:
    html = report_page(page())
    places = re.findall(r"(?:src|href|action)=\"([^\"]*)\"", html)
    assert [place for place in places if not place.startswith(("#", "data:"))] == []
