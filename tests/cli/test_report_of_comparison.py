"""`bpframe report` of the file of a comparison, or of the folder that has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import bad, good
from tests.studies.comparison_by_hand import whole_comparison

FILE = "a-b.compare.jsonl"


@pytest.fixture(autouse=True)
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / FILE)
    return tmp_path


def write(file: Path) -> None:
    file.write_text("".join(json.dumps(record) + "\n" for record in whole_comparison()))


def test_the_page_stands_beside_the_file_and_is_kept_without_force(study: Path) -> None:
    assert good("report", FILE) == "a-b.compare.html\n"
    page = (study / "a-b.compare.html").read_text(encoding="utf-8")
    assert "Ratio of the steps to the target to that of a" in page
    assert str(study) not in page
    assert "--force" in bad(2, "report", FILE)
    good("report", FILE, "--force")
    assert (study / "a-b.compare.html").read_text(encoding="utf-8") == page


def test_a_folder_without_runs_has_the_page_of_its_one_comparison(study: Path) -> None:
    (study / "other.jsonl").write_text('{"study": "sweep"}\n')
    assert good("report", str(study)) == f"{study / 'report.html'}\n"
    assert "Comparison of" in (study / "report.html").read_text(encoding="utf-8")
    write(study / "second.jsonl")
    told = bad(2, "report", str(study), "-o", "out.html")
    assert "a-b.compare.jsonl, second.jsonl" in told


def test_a_folder_of_runs_has_their_report_as_before(study: Path) -> None:
    config = study / "moons.toml"
    config.write_text(
        'loss = "softmax_cross_entropy"\noptimizer = "adam"\n[data]\nsource = { name = "moons", points = 40 }\n'
        '[[model.layers]]\nname = "dense"\nunits = 2\n[train]\nepochs = 1\n'
    )
    good("train", "moons.toml", "--quiet")
    good("report", ".", "-o", "out.html")
    assert "Comparison of" not in (study / "out.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "of"),
    [('{"study": "sweep"}\n', "a sweep, whose table"), ('{"epoch": 1}\n', "something else"), ("[1, 2\n", "something")],
)
def test_another_file_is_refused_and_nothing_is_written(study: Path, text: str, of: str) -> None:
    (study / "other.jsonl").write_text(text)
    assert f"other.jsonl is of {of}" in bad(2, "report", "other.jsonl")
    assert not (study / "other.html").exists()


def test_a_file_that_is_not_there_is_no_folder_of_runs(study: Path) -> None:
    assert "missing.jsonl is no folder" in bad(5, "report", "missing.jsonl")
