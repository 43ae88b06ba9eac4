"""The [data] table: files, the columns taken of them, and rows from files of their own."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpframe.data.columns import NamedRows
from bpframe.errors import ConfigError, DataError
from bpframe.registry import registry
from bpframe.runs import config
from bpframe.runs.lock.resolve import resolve_components

TAIL = """
[[model.layers]]
name = "dense"
units = 2
"""
ROWS = "key,a,b,note,y\n" + "".join(f"r{i},{i},{i * i},text,{'yes' if i % 2 else 'no'}\n" for i in range(20))


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """Load a config with this [data] table, beside the files train.csv and test.csv."""
    (tmp_path / "train.csv").write_text(ROWS)
    (tmp_path / "test.csv").write_text("y,b,a,more\nyes,1,1,x\nno,4,2,x\n")

    def loaded(data: str) -> config.Config:
        (tmp_path / "run.toml").write_text(f'loss = "softmax_cross_entropy"\n[data]\n{data}\n{TAIL}')
        return config.load(tmp_path / "run.toml")

    return loaded


SOURCE = 'source = "train.csv"\ntarget = "y"\n'


def test_columns_are_taken_by_name(load: Any) -> None:
    x, y = load(SOURCE + 'columns = ["b", "a"]').data().train
    assert isinstance(x, NamedRows)
    assert (x.columns, x.kinds) == (("b", "a"), ("float", "float"))
    np.testing.assert_array_equal(x.values[:, 0], x.values[:, 1] ** 2)
    assert y.tolist()[:2] == ["no", "yes"]


def test_columns_are_left_out_by_name_and_nothing_is_learned_from_an_id(load: Any) -> None:
    x, _ = load(SOURCE + 'exclude = ["note"]\nid = "key"').data().train
    assert x.columns == ("a", "b")


def test_what_is_left_out_need_not_be_numbers_but_must_be_there(load: Any) -> None:
    with pytest.raises(DataError, match=r"train.csv', line 2, column 'key' needs a number, got 'r0'"):
        load(SOURCE).data()
    with pytest.raises(DataError, match=r"train.csv' needs a column to leave out 'notes', got .* mean 'note'"):
        load(SOURCE + 'exclude = ["notes"]\nid = "key"').data()
    with pytest.raises(DataError, match=r"train.csv' needs an input column 'c', got the columns 'key', 'a'"):
        load(SOURCE + 'columns = ["a", "c"]').data()
    with pytest.raises(DataError, match=r"train.csv' needs an id column 'id', got"):
        load(SOURCE + 'columns = ["a"]\nid = "id"').data()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('columns = ["a", "y"]', "columns needs inputs alone, got 'y', which another setting names"),
        ('columns = ["a"]\nexclude = ["a"]', "columns needs inputs alone, got 'a'"),
        ('columns = ["a", "key"]\nid = "key"', "columns needs inputs alone, got 'key'"),
        ("columns = []", "columns needs a name at least"),
        ('exclude = ["y"]', "exclude needs columns besides the target, got 'y'"),
        ('id = "y"', "id and target need to be different columns, got 'y' for both"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(load: Any, settings: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(SOURCE + settings)


def test_arrays_have_no_columns_to_choose(load: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.ones((4, 2)), y=np.arange(4) % 2)
    for source in ('"rows.npz"', '"moons"'):
        for setting in ('columns = ["a"]', 'exclude = ["a"]', 'id = "a"'):
            with pytest.raises(ConfigError, match="columns, exclude and id need a table"):
                load(f"source = {source}\n{setting}")


def test_a_number_that_no_network_can_take_is_refused_in_the_name_of_its_file(load: Any, tmp_path: Path) -> None:
    (tmp_path / "later.csv").write_text("a,b,y\n1,2,no\n3,inf,yes\n")
    with pytest.raises(DataError, match=r"^later.csv, line 3: x needs finite numbers, got inf at row 1, column 'b'"):
        load(SOURCE + 'columns = ["a", "b"]\n[data.test]\nsource = "later.csv"').data()


def test_test_and_validation_rows_come_from_files_of_their_own(load: Any) -> None:
    parts = 'test = { source = "test.csv" }\nvalidation = { source = { path = "test.csv" } }'
    run = load(SOURCE + f'exclude = ["note"]\nid = "key"\n{parts}')
    parts = run.data()
    assert len(parts.train[0]) == 20
    for x, y in (parts.test, parts.validation):
        np.testing.assert_array_equal(x.values, [[1, 1], [2, 4]])
        assert (x.columns, y.tolist()) == (("a", "b"), ["yes", "no"])


def test_a_fraction_may_be_held_out_beside_a_file(load: Any) -> None:
    parts = load(
        SOURCE + 'columns = ["a", "b"]\ntest = { source = "test.csv" }\nvalidation = { fraction = 0.25 }'
    ).data()
    assert [len(x) for x, _ in (parts.train, parts.validation, parts.test)] == [15, 5, 2]


@pytest.mark.parametrize("part", ["{ }", '{ fraction = 0.2, source = "test.csv" }'])
def test_a_part_is_a_fraction_or_a_file(load: Any, part: str) -> None:
    with pytest.raises(ConfigError, match="wants either the fraction of rows to hold out, or the source of others"):
        load(SOURCE + f"test = {part}")


def test_labels_of_another_file_are_text_where_those_of_training_are(load: Any, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,y\n1,7\n2,8\n3,n/a\n")
    (tmp_path / "test.csv").write_text("a,y\n1,7\n2,8\n")
    parts = load(SOURCE + 'test = { source = "test.csv" }').data()
    assert parts.test[1].tolist() == ["7", "8"]
    assert parts.train[1].tolist() == ["7", "8", "n/a"]


def test_a_source_takes_settings_by_name_or_by_suffix(load: Any, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a#b#y\n1,5#2#0\n2,5#3#1\n")
    (tmp_path / "rows.dat").write_text("a#b#y\n1,5#2#0\n2,5#3#1\n")
    settings = 'separator = "#", decimal = ","'
    for source in (
        f'{{ path = "train.csv", {settings} }}',
        f'{{ name = "csv", path = "train.csv", {settings} }}',
        f'{{ name = "bpframe/csv", path = "rows.dat", {settings} }}',
    ):
        run = load(f'source = {source}\ntarget = "y"')
        x, y = run.data().train
        assert (x.values.tolist(), y.tolist()) == ([[1.5, 2.0], [2.5, 3.0]], [0, 1])
        found = resolve_components(registry, tomllib.loads(run.file.read_text()), "the config")
        entries = {entry["path"]: entry for entry in found.entries}
        assert entries["data.source"]["name"] == "bpframe/csv"
        assert entries["data.source"]["arguments"] == {"separator": "#", "decimal": ","}


def test_the_whole_table_is_written_back(load: Any, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(ROWS.replace(",", ";"))
    run = load(
        'source = { path = "train.csv", separator = ";" }\ntarget = "y"\nexclude = ["note"]\nid = "key"\n'
        'test = { source = "test.csv" }\nvalidation = { fraction = 0.25, kind = "tail" }'
    )
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "again.toml").write_text(run.text())
    again = config.load(tmp_path / "elsewhere" / "again.toml")
    assert again.text() == run.text()
    for one, other in zip(vars(run.data()).values(), vars(again.data()).values(), strict=True):
        assert one[0].columns == other[0].columns == ("a", "b")
        np.testing.assert_array_equal(one[0].values, other[0].values)
        np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('"rows.foo"', r"no data set named 'rows.foo'.*needs one of the suffixes .arff, .*or a table with its 'path'"),
        ('{ path = "rows.csv", separater = ";" }', r"data.source.separater: Csv has no argument 'separater'"),
        ('{ path = "rows.csv", separator = 3 }', r"data.source.separator: wants a text or nothing, got 3"),
        ('{ path = "rows.csv", separator = "ab" }', "csv needs one sign as separator"),
        ('{ path = "rows.csv", name = "cvs" }', "no source named 'cvs'. Did you mean 'csv'"),
        ('{ name = "csv" }', "source 'csv' reads files: it needs their 'path', which is missing"),
        ("{ path = 3 }", "wants a data set's name, a file, or a table"),
    ],
)
def test_a_wrong_source_is_told_with_its_place(load: Any, source: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(f'source = {source}\ntarget = "y"')
