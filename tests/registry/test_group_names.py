"""Components that nobody would find are named: in misspelt groups, and behind names of bpframe's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpframe.registry.group_names import GROUPS, unknown_groups
from tests.conftest import Site

POINTS = "[bpframe.loses]\ncauchy = cauchy:Cauchy\n[bpframe.losses]\nhuber = cauchy:Cauchy\n"
CODE = "class Cauchy:\n    'loss = r^2'\n    link = 'identity'\n    def value_and_delta(self, scores, target):\n"
CODE += "        r = scores - target\n        return (r * r).sum(-1) / 2, r\n"


def site(folder: Path, points: str, *versions: str) -> Site:
    """A folder of one distribution, of these versions, with a module."""
    for version in versions or ("1.0",):
        info = folder / f"bpframe_cauchy-{version}.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_text(points)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bpframe-cauchy\nVersion: {version}\n")
    (folder / "cauchy.py").write_text(CODE)
    return Site(folder)


def shown(where: Site, *arguments: str) -> tuple[int, str]:
    done = where.run(f"from bpframe.cli import main; main({list(arguments)})")
    return done.returncode, " ".join(f"{done.stdout} {done.stderr}".split())


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("bpframe.loses", "Did you mean 'bpframe.losses'?"),
        ("bpframe.Losses", "Did you mean 'bpframe.losses'?"),
        ("bpframe.loss", "Did you mean 'bpframe.losses'?"),
        ("bpframe_losses", "Did you mean 'bpframe.losses'?"),
        ("bpframe.x", "Groups: bpframe.activations, "),
    ],
)
def test_a_group_that_no_kind_has_is_named_with_the_one_that_was_meant(group: str, words: str):
    (reason,) = unknown_groups([group, group])
    assert reason.startswith(f"nobody reads its group '{group}'.")
    assert words in reason


def test_groups_of_others_and_those_of_bpframe_are_no_mistakes():
    assert unknown_groups([*GROUPS, "console_scripts", "pytest11", "bpframe_cauchy.kernels", "pyinstaller40"]) == []


def test_plugins_list_names_misspelt_groups_and_names_that_bpframe_hides(tmp_path: Path):
    code, text = shown(site(tmp_path, POINTS), "plugins", "list")
    assert code == 0
    assert "bpframe-cauchy (nobody reads its group 'bpframe.loses'. Did you mean 'bpframe.losses'?)" in text
    assert "Hidden: loss 'huber' of bpframe-cauchy, since bpframe has one of that name: 'bpframe-cauchy/huber'" in text


def test_check_of_a_distribution_fails_for_components_that_nobody_finds(tmp_path: Path):
    code, text = shown(site(tmp_path, POINTS), "check", "bpframe-cauchy", "--engine", "numpy")
    assert code == 1
    assert "distribution:bpframe-cauchy fails entry points: nobody reads its group 'bpframe.loses'." in text
    assert "Hidden: loss 'huber' of bpframe-cauchy" in text


def test_check_names_a_misspelt_group_where_there_is_no_other(tmp_path: Path):
    where = site(tmp_path, "[bpframe.loses]\ncauchy = cauchy:Cauchy\n")
    code, text = shown(where, "check", "bpframe-cauchy", "--engine", "numpy")
    assert code == 1
    assert "Did you mean 'bpframe.losses'?" in text


def test_a_plugin_that_fails_on_import_says_that_a_second_version_is_in_the_same_folder(tmp_path: Path):
    where = site(tmp_path, "[bpframe.losses]\ncauchy = gone:Cauchy\n", "1.0", "2.0")
    done = where.run("import bpframe as bp; bp.load('loss', 'cauchy')")
    text = " ".join(done.stderr.split())
    assert "fails on import: ModuleNotFoundError" in text
    assert "A second version is in the same folder: bpframe-cauchy (it is there twice" in text
    assert "bpframe_cauchy-1.0.dist-info" in text
