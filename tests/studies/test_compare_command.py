"""The command compares, refuses what is not proven, and shows a file again."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bpframe.registry import registry
from bpframe.registry.plugin_files import _FINDER
from bpframe.studies.contestant import parse_contestant
from bpframe.studies.proof import require_proof
from tests.cli.commands import bad, bpframe, good
from tests.studies.tiny import EVERY_OTHER, TWIN, plant, tiny

CONFIG = """\
loss = "softmax_cross_entropy"
[data]
source = { name = "moons", points = 80 }
validation = { fraction = 0.25 }
[[model.layers]]
name = "dense"
units = 2
[train]
epochs = 2
[[callbacks]]
name = "early_stopping"
patience = 1
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_FINDER, "files", {})
    monkeypatch.setattr(registry, "_local", dict(registry._local))
    plant(monkeypatch, tiny())
    (tmp_path / "twin.py").write_text(TWIN)
    (tmp_path / "half.py").write_text(EVERY_OTHER)
    (tmp_path / "moons.toml").write_text(CONFIG)
    return tmp_path


TINY = ("--workload", "tiny", "--studies", 1, "--seeds", 1)


def test_rules_are_compared_and_the_file_says_the_same_again(folder: Path) -> None:
    result = bpframe("compare", "adam", "lion", "--on", "moons.toml", "--studies", 1, "--seeds", 1, "--no-diagnoses")
    assert result.exit_code == 0, result.output
    assert "Ratio of the steps to the target to that of adam" in result.stdout
    assert "moons: accuracy" in result.stdout
    again = good("compare", "--show", "adam-lion.compare.jsonl")
    assert again == result.stdout
    summary = json.loads(good("compare", "--show", "adam-lion.compare.jsonl", "--json"))
    assert {rule["title"] for rule in summary["rules"]} == {"adam", "lion", "sgd", "adam, defaults", "nothing"}
    first = json.loads(Path("adam-lion.compare.jsonl").read_text().splitlines()[0])
    assert "early_stopping" in first["config"]


def test_an_unproven_plugin_is_refused_unless_it_is_taken_as_it_is(folder: Path) -> None:
    told = bad(1, "compare", "adam", "twin", "--plugin", "twin.py", *TINY)
    assert "twin is unproven: the check" in told
    assert "--unproven" in told
    assert not list(folder.glob("*.jsonl"))


def test_a_plugin_that_fails_the_kit_is_refused(folder: Path) -> None:
    text = TWIN.replace("Twin", "Broken").replace("update(p, g, state, h)", "update(g, p, state, h)")
    (folder / "broken.py").write_text(text)
    told = bad(1, "compare", "adam", "broken", "--plugin", "broken.py", "--quiet", *TINY)
    assert "broken fails" in told
    assert "bpframe check optimizer:broken" in told


def test_bundled_rules_need_no_further_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpframe.studies.proof.check", lambda *_, **__: pytest.fail("checked again"))
    require_proof([parse_contestant("adam"), parse_contestant("loss:huber")])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "compare needs rules, or --show FILE alone"),
        (("adam", "lion", "--budget", "soon"), "needs a time such as 90s, 5m or 2h, got 'soon'"),
        (("adam", "lion", "--workload", "digit"), "No workload named 'digit'. There are: table, digits"),
        (("adam", "lbfgs"), "got lbfgs"),
        (("adam", "loss:mse"), "needs two optimizers or more, or two losses"),
        (("adam", "lionn"), "No optimizer named 'lionn'. Did you mean 'lion'"),
    ],
)
def test_what_cannot_be_compared_is_refused(folder: Path, words: tuple[str, ...], message: str) -> None:
    assert message.lower() in bad(2, "compare", *words).lower()


def test_a_budget_says_which_workloads_it_leaves_out(folder: Path) -> None:
    result = bpframe("compare", "adam", "lion", "--budget", "0.01s", "--quiet")
    assert result.exit_code == 0, result.output
    assert "Left out, so that nothing is concluded about them: digits, digits_conv" in result.stderr
    assert re.search(r"^[01] of \d+ trials are done. The same command goes on", result.stderr, re.MULTILINE)
    assert re.search(r"^[01] trials?: adam-lion", result.stdout, re.MULTILINE)
