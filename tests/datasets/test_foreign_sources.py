"""Sources of other distributions and of the program itself: chosen by suffix or by name, and their faults."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import bpframe as bp
from bpframe.datasets import read, read_inputs
from bpframe.errors import BlockedComponent, BrokenComponent, DataError
from bpframe.registry import Policy, registry
from bpframe.runs import config
from bpframe.runs.config.specs import components_by_path
from bpframe.runs.lock.resolve import resolve_components

MODULE = '''
import numpy as np

class Foo:
    """Lines of numbers: a, b, y."""

    suffixes = (".foo", ".csv")

    def __init__(self, scale: float = 1.0):
        self.scale = scale

    def read(self, file):
        rows = np.array([line.split() for line in file.read().decode().splitlines()], dtype=float)
        return {"a": self.scale * rows[:, 0], "b": rows[:, 1], "y": rows[:, 2].astype(int)}

class Twin(Foo):
    """The same."""

    suffixes = (".bar",)
'''
ROWS = "1 2 0\n3 4 1\n"


def install(folder: Path, dist: str, points: str, module: str = "") -> None:
    info = folder / f"{dist.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[bpframe.sources]\n{points}\n")
    if module:
        (folder / f"{dist.replace('-', '_')}.py").write_text(module)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Path]:
    """Distributions that read .foo; two of them .bar; and one that fails on import."""
    site = tmp_path / "site"
    site.mkdir()
    install(site, "foo-reader", "foo = foo_reader:Foo\nbar = foo_reader:Twin", MODULE)
    install(
        site, "bar-reader", "bar = bar_reader:Twin\nrows = bar_reader:Twin", MODULE.replace('(".foo", ".csv")', "()")
    )
    install(site, "bad-reader", "bad = bad_reader:Bad", "raise RuntimeError('no')")
    sys.path.insert(0, str(site))
    bp.refresh()
    for name in ("rows.foo", "rows.FOO", "rows.bar", "rows.dat"):
        (tmp_path / name).write_text(ROWS)
    yield tmp_path
    sys.path.remove(str(site))
    for name in ("foo_reader", "bar_reader", "bad_reader"):
        sys.modules.pop(name, None)
    bp.refresh()


def test_a_file_is_read_by_the_source_that_declares_its_suffix(installed):
    for name in ("rows.foo", "rows.FOO"):
        x, y = read(installed / name, "y")
        assert (x.tolist(), y.tolist(), y.dtype) == ([[1, 2], [3, 4]], [0, 1], np.int64)
    with pytest.raises(DataError, match=r"rows.dat' needs one of the suffixes .*.foo"):
        read(installed / "rows.dat", "y")


def test_a_file_of_any_name_is_read_by_the_source_that_is_named(installed):
    for spec in ("foo", "foo-reader/foo", {"name": "foo", "scale": 2}):
        scale = 2 if isinstance(spec, dict) else 1
        assert read(installed / "rows.dat", "y", source=spec)[0].tolist() == [[scale * 1, 2], [scale * 3, 4]]


def test_a_suffix_of_bpframe_stays_its_own(installed):
    (installed / "rows.csv").write_text("a,y\n1,2\n")
    assert read(installed / "rows.csv", "y")[0].tolist() == [[1]]
    assert "foo_reader" not in sys.modules


def test_a_suffix_of_several_distributions_is_an_error_that_lists_them(installed):
    with pytest.raises(DataError, match=r"rows.bar' needs one source .*, got 'bar-reader/bar' and 'foo-reader/bar'"):
        read(installed / "rows.bar", "y")
    assert len(read(installed / "rows.bar", "y", source="bar-reader/rows")[0]) == 2


def test_a_source_that_cannot_be_imported_is_named_only_where_it_is_asked_for(installed):
    assert len(read_inputs(installed / "rows.foo", "y")) == 2
    with pytest.raises(DataError, match=r"rows.dat' needs one of the suffixes .*.bad, .*.foo"):
        read(installed / "rows.dat", "y")
    assert not {"bad_reader", "bar_reader"} & set(sys.modules)
    with pytest.raises(BrokenComponent, match="bad-reader/bad"):
        read(installed / "rows.dat", "y", source="bad")


def test_policies_hold_for_sources(installed):
    with registry.restricted(Policy(frozenset(), origin="the test")):
        with pytest.raises(DataError, match=r"rows.foo' needs one of the suffixes .arff, .*, got '.foo'"):
            read(installed / "rows.foo", "y")
        with pytest.raises(BlockedComponent):
            read(installed / "rows.foo", "y", source="foo")


def test_a_config_reads_files_by_foreign_sources(installed):
    for source in ('"rows.foo"', '{ path = "rows.dat", name = "foo" }', '{ path = "rows.foo", scale = 1.0 }'):
        text = f'loss = "mse"\n[data]\nsource = {source}\ntarget = "y"\n[[model.layers]]\nname = "dense"\nunits = 1\n'
        (installed / "run.toml").write_text(text)
        run = config.load(installed / "run.toml")
        assert run.data().train[0].columns == ("a", "b")
        found = resolve_components(registry, tomllib.loads(text), "the config").entries
        assert [entry["name"] for entry in found if entry["path"] == "data.source"] == ["foo-reader/foo"]
        assert [path for path, kind, _ in components_by_path(run.settings) if kind == "source"] == ["data.source"]
        (installed / "again.toml").write_text(run.text())
        assert config.load(installed / "again.toml").data().train[0].values.tolist() == [[1, 2], [3, 4]]


@dataclass(frozen=True)
class Faulty:
    """A source with a fault."""

    fault: str = ""
    suffixes: ClassVar[tuple[str, ...]] = (".faulty",)

    def read(self, file):
        column = np.arange(3.0)
        results = {
            "": {"a": column, "y": column},
            "lengths": {"a": column, "b": column[:2], "y": column},
            "target": {"a": column, "y": column[:2]},
            "rank": {"a": np.ones((3, 2)), "y": column},
            "nothing": None,
            "list": {"a": [1.0, 2.0, 3.0], "y": [0, 1, 2]},
        }
        if self.fault not in results:
            raise ZeroDivisionError("division by zero")
        return results[self.fault]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("lengths", "needs columns of one length, got 3 and, in 'b', 2"),
        ("target", "needs columns of one length, got 3 and, in 'y', 2"),
        ("rank", "column 'a' needs one value a row, got rows of shape"),
        ("nothing", "needs to be a readable .faulty file, got: 'NoneType'"),
        ("error", "needs to be a readable .faulty file, got: division by zero"),
    ],
)
def test_a_source_that_gives_no_table_is_an_error_that_names_the_file(tmp_path, fault, words):
    (tmp_path / "rows.faulty").write_text("")
    with pytest.raises(DataError, match=rf"rows.faulty'.*{words}"):
        read(tmp_path / "rows.faulty", "y", source=Faulty(fault))


def test_a_source_of_the_program_reads_files_of_its_suffix(tmp_path):
    bp.register("source", "faulty", Faulty, replace=True)
    (tmp_path / "rows.faulty").write_text("")
    assert read(tmp_path / "rows.faulty", "y")[0].tolist() == [[0.0], [1.0], [2.0]]
    assert read(tmp_path / "rows.faulty", "y", source=Faulty("list"))[1].tolist() == [0, 1, 2]
