"""Each distribution's metadata is read by itself: a damaged one is passed over and named, and harms nobody else."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

import bpframe as bp
from bpframe.errors import BlockedComponent, BrokenComponent, UnknownComponent
from bpframe.registry import Registry, metadata_scan
from bpframe.registry.metadata_scan import core_distribution
from tests.conftest import Site, fresh_python

GOOD = b"[bpframe.losses]\nsound = sound:Sound\n"
NAMED = b"Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n"
DAMAGED: dict[str, tuple[bytes, bytes | None]] = {  # entry_points.txt, and METADATA where it matters
    "a line without an equals sign": (b"[console_scripts]\nno equals sign\n", NAMED % b"damaged"),
    "half a section": (b"[bpframe.losses]\nx = y:Z\n[bpframe.opt", NAMED % b"damaged"),
    "a section without its bracket": (b"bpframe.losses]\nx = y:Z\n", NAMED % b"damaged"),
    "garbage": (b"\x00\x01 garbage \x7f\n\x02", NAMED % b"damaged"),
    "bytes that are no text": (b"[bpframe.losses]\n\xff\xfe = \xff:X\n", NAMED % b"damaged"),
    "metadata that is no text": (GOOD, b"Name: \xff\xfe\n"),
    "metadata without a name": (GOOD, b"Version: 1.0\n"),
    "no metadata": (GOOD, None),
    "the name of another": (GOOD, NAMED % b"sample-loss"),
    "the core's name": (GOOD, NAMED % b"bpframe"),
    "the program's name": (GOOD, NAMED % b"Local"),
}


def write(folder: Path, points: bytes | None, metadata: bytes | None, stem: str = "damaged-1.0") -> Path:
    """A folder of metadata."""
    info = folder / f"{stem}.dist-info"
    info.mkdir(parents=True)
    if points is not None:
        (info / "entry_points.txt").write_bytes(points)
    if metadata is not None:
        (info / "METADATA").write_bytes(metadata)
    return info


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the head of the path, with a sound distribution."""
    write(tmp_path, GOOD, NAMED % b"sound", "sound-1.0")
    monkeypatch.delenv("BPFRAME_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def passed_over(registry: Registry, word: str = "damaged") -> list[str]:
    return [str(each) for each in registry.unreadable() if word in str(each)]


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_distribution_is_passed_over_by_name_and_all_others_are_read(beside: Path, damage: str) -> None:
    info = write(beside, *DAMAGED[damage])
    registry = Registry()
    assert {"mse", "sound"} <= set(registry.names("loss"))
    assert registry.find("loss", "sound").dist == "sound"
    (found,) = passed_over(registry)
    assert str(info) in found
    with pytest.raises(UnknownComponent, match=r"Passed over: .*damaged"):
        registry.find("loss", "nobody_has_this")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_in_the_place_of_entry_points_is_not_waited_for(beside: Path) -> None:
    os.mkfifo(write(beside, None, NAMED % b"damaged") / "entry_points.txt")
    registry = Registry()
    assert "sound" in registry.names("loss")
    assert "no file that can be read" in passed_over(registry)[0]


@pytest.mark.parametrize("points", [b"", b"\n \n", b"# none\n", b"[console_scripts]\n", None])
def test_a_distribution_that_offers_nothing_is_not_damaged(beside: Path, points: bytes | None) -> None:
    write(beside, points, NAMED % b"damaged")
    assert passed_over(Registry()) == []


@pytest.mark.parametrize("stem", ["-1.0", "a b-1.0", "\udcff-1.0", "x" * 200, "d\u00e4-1", "no_points-1"])
def test_folders_of_any_name_do_no_harm(beside: Path, stem: str) -> None:
    write(beside, GOOD if stem == "-1.0" else None, None, stem)
    assert {"mse", "sound"} <= set(Registry().names("loss"))


def test_a_finder_that_fails_ends_nothing(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        """Knows of no module, and cannot list distributions."""

        @staticmethod
        def find_spec(*_: Any) -> None:
            """No module."""

        @staticmethod
        def find_distributions(context: Any) -> Any:
            """Fails."""
            raise OSError("the network is down")

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    assert {"mse", "sound"} <= set(Registry().names("loss"))


def test_components_that_no_name_can_mean_are_passed_over_alone(beside: Path) -> None:
    write(beside, b"[bpframe.losses]\na/b = x:Y\nplain = x:Y\n", NAMED % b"damaged")
    registry = Registry()
    assert registry.find("loss", "plain").dist == "damaged"
    assert passed_over(registry) == ["damaged (nobody can name its component 'a/b')"]


# ------------------------------------------------------------------------------------------------------- bpframe's own


@pytest.mark.parametrize("stem", ["bpframe-9.9", "evil-1.0", "bpframe-0.1.0"])
def test_a_folder_of_metadata_does_not_pass_for_bpframe_by_its_name(beside: Path, monkeypatch: Any, stem: str) -> None:
    info = write(beside, b"[bpframe.losses]\nmse = evil:Mse\nstolen = evil:Mse\n", NAMED % b"bpframe", stem)
    registry = Registry()
    assert registry.find("loss", "mse").target == "bpframe_losses.mse:Mse"
    assert [provider for provider in registry.providers() if provider.target == "evil:Mse"] == []
    assert any(str(info) in note for note in map(str, registry.unreadable()))
    monkeypatch.setenv("BPFRAME_PLUGINS", "off")
    with pytest.raises(UnknownComponent):
        Registry().find("loss", "bpframe/stolen")
    dist = core_distribution()
    assert dist is not None
    assert Path(str(dist.locate_file(""))) != beside


@pytest.mark.parametrize("stem", ["bpframe-9.9", "evil-1.0"])
def test_nor_does_one_beside_the_package_itself(beside: Path, monkeypatch: pytest.MonkeyPatch, stem: str) -> None:
    true = write(beside, b"[bpframe.losses]\nmse = sound:Mse\n", NAMED % b"bpframe", "bpframe-0.1.0")
    (true / "RECORD").write_text("bpframe/__init__.py,,\n")
    info = write(beside, b"[bpframe.losses]\nmse = evil:Mse\n", NAMED % b"bpframe", stem)
    monkeypatch.setattr(metadata_scan, "ROOT", beside)  # as if the package that runs were there
    registry = Registry()
    assert {p.target for p in registry.providers("loss") if p.dist == "bpframe"} == {"sound:Mse"}
    (note,) = passed_over(registry, str(info))
    assert "it says that it is bpframe" in note


def test_where_the_metadata_of_bpframe_is_missing_the_error_says_what_to_do(tmp_path: Path) -> None:
    code = """
import importlib.machinery, bpframe as bp
from bpframe.registry import own_metadata
own_metadata.os = type("os", (), {"listdir": lambda _: [], "curdir": "."})
importlib.machinery.PathFinder.find_distributions = classmethod(lambda *_: iter(()))
try: bp.losses.mse
except bp.errors.UnknownComponent as error: print(error)
"""
    done = fresh_python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Passed over: bpframe (bpframe's own metadata" in done.stdout
    assert "pip install bpframe" in done.stdout
    assert "PyInstaller" in done.stdout


READS = """
import sys
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
import numpy as np, bpframe as bp
trainer = bp.Trainer(bp.Network([bp.layers.dense(1)]), "mse", "adam")
trainer.fit(np.ones((4, 2)), np.ones(4), epochs=1)
bp.names("loss"), dir(bp.losses)
print(sorted(name for name in opened if "sample_" in name))
"""


def test_nothing_but_bpframes_own_is_read_where_the_policy_is_off(site: Site) -> None:
    assert site.out(READS, BPFRAME_PLUGINS="off") == "[]"
    assert "sample_loss-1.2.3.dist-info" in site.out(READS)


def test_what_is_off_is_still_named_as_blocked(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BPFRAME_PLUGINS", "OFF")
    with pytest.raises(BlockedComponent, match=r"loss 'sound/sound' .* is blocked: BPFRAME_PLUGINS allows no third"):
        Registry().find("loss", "sound")
    assert "sound" in {provider.dist for provider in Registry().providers("loss")}


def test_jax_which_a_damaged_list_ends_is_named_with_the_distribution_to_mend(beside: Path, monkeypatch: Any) -> None:
    jax, info = pytest.importorskip("jax"), write(beside, *DAMAGED["half a section"])

    def devices(*_: Any) -> Any:
        raise TypeError("Pair.__new__() missing 1 required positional argument")

    monkeypatch.setattr(jax, "devices", devices)
    bp.refresh()
    try:
        with pytest.raises(BrokenComponent, match=r"The engine jax cannot start JAX: TypeError: Pair.* Mend") as caught:
            bp.Trainer(bp.Network([bp.layers.dense(1)], inputs=2), "mse", engine="jax").parameters  # noqa: B018  # read
    finally:
        monkeypatch.undo()
        bp.refresh()
    assert f"Mend or remove damaged in {info}" in str(caught.value)


@pytest.mark.parametrize("newer", ["1.0", "2.0"])
def test_of_two_versions_in_one_folder_the_newer_counts_and_both_are_named(beside: Path, newer: str) -> None:
    for version in ("1.0", "2.0"):
        metadata = (NAMED % b"twice").replace(b"1.0", version.encode())
        info = write(beside, b"[bpframe.losses]\ntwice = x:Y\n", metadata, f"twice-{version}")
        os.utime(info, (2e9, 2e9) if version == newer else (1e9, 1e9))
    registry = Registry()
    assert registry.find("loss", "twice").version == newer
    (note,) = passed_over(registry, "twice")
    assert "it is there twice, of which the newer counts" in note
    assert note.count("twice-1.0") == note.count("twice-2.0") == 1
