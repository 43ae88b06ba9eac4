"""bpframe's own components are read from a plain folder of metadata as importlib.metadata does, or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bpframe.registry import metadata_scan
from bpframe.registry.own_metadata import own_components


def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder on the path with bpframe's metadata as a wheel leaves it, and the package beside it."""
    dist = metadata_scan.core_distribution()
    assert dist is not None
    folder = tmp_path / "bpframe-0.1.0.dist-info"
    folder.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (folder / name).write_text(dist.read_text(name) or "")
    (folder / "RECORD").write_text("bpframe/__init__.py,,\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return folder


def test_they_are_those_that_importlib_metadata_gives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wanted = metadata_scan._read(metadata_scan.core_distribution(), own=True)
    for found in (own_components(str(metadata_scan.ROOT)), metadata_scan.core()):
        assert found == wanted
    installed(monkeypatch, tmp_path)
    beside = own_components(str(tmp_path))
    assert beside == wanted
    assert [each.summary for each in beside] == [each.summary for each in wanted]
    assert all(one.load() is other.load() for one, other in zip(beside, wanted, strict=True) if "jax" not in one.target)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "RECORD").write_text("other/__init__.py,,\n"),
        lambda folder: (folder / "RECORD").unlink(),
        lambda folder: (folder / "METADATA").write_text("Name: other\nVersion: 1\n"),
        lambda folder: (folder / "METADATA").write_text("Name: bpframe\nSummary: a\n b\n"),
        lambda folder: (folder / "entry_points.txt").write_text("[bpframe.losses]\nmse = no target\n"),
        lambda folder: (folder / "entry_points.txt").write_bytes(b"[bpframe.losses]\n\xff = a:b\n"),
        lambda folder: ((folder / "entry_points.txt").unlink(), (folder / "entry_points.txt").mkdir()),
        lambda folder: shutil.copytree(folder, folder.with_name("bpframe-0.2.0.dist-info")),
    ],
)
def test_what_is_not_plain_is_left_to_importlib_metadata(
    damage: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    damage(installed(monkeypatch, tmp_path))  # type: ignore[operator]  # a function
    assert own_components(str(tmp_path)) is None


def test_another_copy_on_the_path_is_not_taken_for_the_running_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed(monkeypatch, tmp_path)
    assert own_components(str(metadata_scan.ROOT)) is None


def test_a_fit_of_bundled_components_does_not_import_importlib_metadata() -> None:
    program = (
        "import sys, numpy as np, bpframe as bp\n"
        "net = bp.Network([bp.layers.dense(4, activation='relu'), bp.layers.dense(2)])\n"
        "bp.Trainer(net, 'softmax_cross_entropy', 'adam').fit(np.ones((8, 3)), np.arange(8) % 2, epochs=1)\n"
        "assert 'importlib.metadata' not in sys.modules, sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
