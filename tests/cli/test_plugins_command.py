"""`bpframe plugins` and `bpframe check` list, describe and test components."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import bpframe as bp
from bpframe.registry import registry
from bpframe.testing import Report
from tests.cli.commands import bad, bpframe, good
from tests.conftest import Site

pytestmark = pytest.mark.usefixtures("folder")


# ------------------------------------------------------------------------------------------------------------- plugins


def test_plugins_lists_every_component_with_what_it_is() -> None:
    lines = good("plugins").splitlines()
    assert good("plugins", "list").splitlines() == lines
    found = [tuple(line.split()[:4]) for line in lines[1:]]
    assert found == [(p.kind, p.name, p.dist, p.version) for p in bp.providers()]
    assert any(
        line.endswith("v = tanh(u); phi'(u) = (1 - v)(1 + v), so the value alone is kept for the backward pass.")
        for line in lines
    )


def test_plugins_list_as_json_has_what_the_table_has() -> None:
    found = json.loads(good("plugins", "list", "--json"))
    assert [(r["kind"], r["ref"], r["target"]) for r in found] == [(p.kind, p.ref, p.target) for p in bp.providers()]
    assert {record["blocked"] for record in found} == {None}


LISTING = """if True:
    import sys
    from bpframe.cli import main
    try:
        main(["plugins", "list"])
    except SystemExit as end:
        print(end.code, sorted(name for name in sys.modules if name.startswith(("bpframe_", "sample_"))))
"""


def test_plugins_list_imports_no_plugin_and_survives_broken_ones(site: Site) -> None:
    lines = site.out(LISTING).splitlines()
    assert lines[-1] == "0 []"
    assert any(re.match(r"loss +broken +sample-broken +0\.1 +Fails on import\.", line) for line in lines)


def test_plugins_list_says_why_a_component_is_blocked(site: Site) -> None:
    lines = site.out(LISTING, BPFRAME_PLUGINS="-sample-loss").splitlines()
    assert any(re.match(r"loss +quartic .* blocked: BPFRAME_PLUGINS denies sample-loss", line) for line in lines)
    assert sum("blocked:" in line for line in lines) == 1


def test_plugins_info_shows_docstring_arguments_and_provenance() -> None:
    text = good("plugins", "info", "optimizer:momentum")
    assert text.startswith("optimizer momentum(lr: float = 0.01, momentum: float = 0.9, flavor: ")
    assert f"distribution  bpframe {bp.__version__}\n" in text
    assert "target        bpframe_optimizers.momentum:Momentum\n" in text
    place = re.search(r"source        (.*):(\d+)\n", text)
    assert place
    assert Path(place[1]).read_text().splitlines()[int(place[2]) - 1] == "class Momentum:"


@pytest.mark.parametrize(
    ("component", "told"),
    [
        ("huber", "needs the form KIND:NAME, got 'huber'"),
        ("los:huber", "There is no kind of component named 'los'. Did you mean 'loss'?"),
        ("loss:adam", "no loss named 'adam'."),
    ],
)
def test_plugins_info_of_what_does_not_exist_ends_with_2(component: str, told: str) -> None:
    assert told in bad(2, "plugins", "info", component)


def test_plugins_info_of_a_broken_component_ends_with_6(site: Site) -> None:
    done = site.run("from bpframe.cli import main; main(['plugins', 'info', 'loss:broken'])")
    assert done.returncode == 6
    assert "No module named 'a_module_that_nobody_has'" in done.stderr


# --------------------------------------------------------------------------------------------------------------- check


@dataclass(frozen=True)
class Slanted:
    """loss = sum_c (z_c - y_c)^2, with a slope that is 1% too steep."""

    link = "identity"

    def value_and_delta(self, scores: Any, target: Any) -> tuple[Any, Any]:
        """(loss (B,), slope (B, C))."""
        r = scores - target
        return (r * r).sum(axis=-1), 2.02 * r


def test_check_prints_a_row_for_each_component_and_the_number_of_checks() -> None:
    header, row, blank, last = good("check", "loss:huber", "--engine", "numpy", "--no-pairs").splitlines()
    assert header.split() == ["component", "run", "passed", "failed", "skipped", "unproven", "engines"]
    name, run, passed, failed, _, _, engines = row.split()
    assert (name, passed, failed, engines) == ("loss:huber", run, "0", "numpy")
    assert int(run) >= 5
    assert (blank, last) == ("", f"1 component, {run} checks run, 0 failed")


def test_check_shows_how_a_component_acts_beside_others() -> None:
    *_, pairs, _, last = good("check", "optimizer:lbfgs", "--engine", "numpy", "-v").splitlines()
    counts = dict(reversed(part.split(" ", 1)) for part in pairs.partition(": ")[2].split(", "))
    assert int(counts["proven"]) >= 10
    assert int(counts["refused"]) >= 10
    assert last.startswith("1 component,")


def test_check_of_a_distribution_or_of_all_covers_every_component(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, ...]] = []

    def checked(kind: str, name: str, **options: Any) -> Report:
        tried.append(tuple(options["engines"]))
        return Report(f"{kind}:{name}", ("protocol",))

    monkeypatch.setattr(registry, "_local", {})  # names that other tests have given
    monkeypatch.setattr("bpframe.testing.check", checked)  # test_components.py runs every check
    own = [f"{p.kind}:{p.ref}" for p in bp.providers() if p.dist == "bpframe"]
    for target in ("bpframe", "BPFRAME", "--all"):
        lines = good("check", target, "--no-pairs").splitlines()
        assert [line.split()[0] for line in lines[1:-2]] == own
        assert re.fullmatch(rf"{len(own)} components, \d+ checks run, 0 failed", lines[-1])
    assert set(tried) == {
        ("numpy", "jax", "reference", "onnx", "onnx step")
    }  # all that are installed, and what exports compute


def test_a_component_named_twice_is_checked_once() -> None:
    shown = good("check", "loss:huber", "loss:bpframe/huber", "--engine", "numpy", "--no-pairs")
    assert shown.splitlines()[-1].startswith("1 component,")


def test_a_failed_check_ends_with_1_and_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpframe.registry.registry._local", {})
    bp.register("loss", "slanted", Slanted)
    result = bpframe("check", "loss:slanted", "loss:huber", "--engine", "numpy", "--no-pairs")
    assert result.exit_code == 1
    assert re.search(r"\nloss:slanted fails .*: ", result.stdout)
    assert "loss:huber fails" not in result.stdout
    assert re.search(r"2 components, \d+ checks run, [1-9] failed\n$", result.stdout)


def test_check_of_a_whole_site_survives_components_that_cannot_be_loaded(site: Site) -> None:
    done = site.run(
        "from bpframe.cli import main; main(['check', 'sample-broken', 'bpframe-example', '--engine', 'numpy'])"
    )
    assert done.returncode == 1
    assert "loss:sample-broken/broken fails loading: " in done.stdout
    assert re.search(r"loss:bpframe-example/pseudo_huber +(\d+) +\1 +0 ", done.stdout)
    alone = site.run("from bpframe.cli import main; main(['check', 'loss:broken'])")
    assert alone.returncode == 6


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "check needs KIND:NAME, a distribution or --all"),
        (["loss:hubr"], "no loss named 'hubr'. Did you mean 'huber'?"),
        (["nobody"], "check needs KIND:NAME or a distribution, got 'nobody'. Those with components: "),
    ],
)
def test_check_of_nothing_known_ends_with_2(arguments: list[str], told: str) -> None:
    assert told in bad(2, "check", *arguments)
