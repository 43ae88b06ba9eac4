"""A checkpoint gives back what was written, and a file is the old one or the new one whatever fails on the way."""

from __future__ import annotations

import base64
import gzip
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy as official
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bpframe.errors import CheckpointError
from bpframe.saving import tensor_file

SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
CODES = ["?", *(f"{o}{kind}{n}" for o in "<>" for kind in "iuf" for n in (1, 2, 4, 8) if (kind, n) != ("f", 1))]
VIEWS: list[Callable[[Any], Any]] = [
    lambda a: a,
    lambda a: a.T,
    np.asfortranarray,
    lambda a: a[::-1] if a.ndim else a,
    lambda a: a[..., ::2] if a.ndim else a,
    lambda a: np.broadcast_to(a, (3, *a.shape)),
]
ARRAYS = st.sampled_from(CODES).flatmap(lambda code: hnp.arrays(code, hnp.array_shapes(min_dims=0, min_side=0)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
OLD = {"weight": np.zeros((2, 3), np.float32), "bias": np.zeros(3)}
NEW = {"weight": np.ones((2, 3), np.float32), "bias": np.ones(3)}

GOLDEN = (  # gzip, base64
    "H4sIAAAAAAACA22OQUvEMBCFuyf/x5yDJmnSJr0IHgRB2KuwKWXaJK7QVmm6SClFf5o/zbQi9LBzmOHB++a9l0OyzQxV1bkRLY5Y"
    "VVDM0GH/5l0YoYDZQDsYKOgtIwZ67FyI6mTgdTDmQqnPtmO9M0D6S9uW0Raas+sw+tgCBMIZuczir4bynCpEtJammue1xlpLh3mK"
    "DWrJGZVKaqEypaWg3gpWS6pZTYVvsJEMFgItTm64+1xbbn3fvQ9uDLGSIlyUBOw4fbgY9pjyv+xVnTjhZaT7Kxwlaoc9ZWKHrczk"
    "whWKC8KzHfdwPD7v88pluUn+5+d+XUny/bWqQ/ILiOIdcXoBAAA="
)


def assert_same(got: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert got.keys() == wanted.keys()
    for name, array in wanted.items():
        assert got[name].dtype == array.dtype.newbyteorder("=")
        assert got[name].shape == array.shape
        assert np.array_equal(got[name], array, equal_nan=array.dtype.kind == "f")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(path: Path) -> Path:
    """The path, where step 1 is already on the disk."""
    tensor_file.write_tensors(path, OLD, {"step": 1})
    return path


def step_on_disk(path: Path) -> int:
    """1 or 2, after a look that the tensors belong to it and nothing lies beside it."""
    assert os.listdir(path.parent) == [path.name]
    tensors, manifest = tensor_file.read_tensors(path)
    assert_same(tensors, {1: OLD, 2: NEW}[manifest["step"]])
    return int(manifest["step"])


# round trips


@SAME_FOLDER
@given(array=ARRAYS, view=st.sampled_from(VIEWS))
def test_every_dtype_shape_and_stride_comes_back(path, array, view):
    tensors = {"a": view(array), "other": np.arange(3, dtype=np.int8)}
    tensor_file.write_tensors(path, tensors, {})
    got = tensor_file.read_tensors(path)[0]
    assert_same(got, tensors)
    assert all(a.flags.owndata and a.flags.writeable and a.dtype.isnative for a in got.values())


@SAME_FOLDER
@given(manifest=st.dictionaries(st.text(), JSON, max_size=4))
def test_the_manifest_comes_back(path, manifest):
    tensor_file.write_tensors(path, {}, manifest)
    assert tensor_file.read_tensors(path) == ({}, manifest)


def test_any_text_but_the_metadatas_key_names_a_tensor(path):
    tensors = {name: np.full(2, i) for i, name in enumerate(["", "dense_1/weight", "größe", '"\\\n', "\N{SNOWMAN}"])}
    tensor_file.write_tensors(path, tensors, {})
    assert_same(tensor_file.read_tensors(path)[0], tensors)


def test_the_order_of_the_tensors_leaves_the_file_the_same(path):
    tensor_file.write_tensors(path, OLD, {"a": 1, "b": 2})
    first = path.read_bytes()
    tensor_file.write_tensors(path, dict(reversed(OLD.items())), {"b": 2, "a": 1})
    assert path.read_bytes() == first


def test_tensors_are_aligned_to_their_width(path):
    tensor_file.write_tensors(path, {"a": np.ones(1, np.int8), "b": np.ones(1), "c": np.ones(3, np.float16)}, {})
    size = int.from_bytes(path.read_bytes()[:8], "little")
    assert size % 8 == 0
    assert path.read_bytes()[8 + size :][:8] == np.ones(1, "<f8").tobytes()


@pytest.mark.parametrize("code", CODES)
def test_the_official_library_reads_our_files(path, code):
    tensors = {"a": np.arange(12).reshape(3, 4).astype(code).T[::-1], "scalar": np.array(1, code), "none": np.empty(0)}
    tensor_file.write_tensors(path, tensors, {"step": 3})
    assert_same(official.load_file(path), tensors)


def test_we_read_the_official_librarys_files(path):
    tensors = {code: np.arange(6).reshape(2, 3).astype(code) for code in CODES if code[0] != ">"}
    for metadata in (None, {"format": "np"}):
        official.save_file(tensors, path, metadata)
        got, manifest = tensor_file.read_tensors(path)
        assert_same(got, tensors)
        assert manifest == {}


def test_a_file_of_the_first_version_is_read_for_ever(path):
    path.write_bytes(gzip.decompress(base64.b64decode(GOLDEN)))
    tensors, manifest = tensor_file.read_tensors(path)
    assert manifest == {"schema": 1, "lr": 0.1, "names": ["größe", None]}
    wanted = {"layer/w": np.float32([[1.5, -2], [np.inf, 0]]), "n": np.int64(7), "yes": np.array([True, False])}
    assert_same(tensors, {name: np.asarray(value) for name, value in wanted.items()})


# what cannot be written


@pytest.mark.parametrize(
    "value",
    [np.array([None]), np.array(["a"]), np.array([1j]), np.longdouble([1]), np.array(["2000"], "M8[D]"), [[1], [1, 2]]],
    ids=str,
)
def test_a_tensor_without_a_dtype_of_the_format_is_refused(saved, value):
    with pytest.raises(CheckpointError, match=r"model.safetensors cannot be written: .*"):
        tensor_file.write_tensors(saved, {"odd": value}, {"step": 2})
    assert step_on_disk(saved) == 1


def test_the_refusal_names_the_tensor_and_the_dtypes(path):
    with pytest.raises(CheckpointError, match=r"'odd' needs a dtype among BOOL, .*F64.*, got object\. Convert it\."):
        tensor_file.write_tensors(path, {"fine": np.ones(1), "odd": np.array([None])}, {})


@pytest.mark.parametrize("name", ["__metadata__", 3])
def test_a_tensors_name_that_the_format_cannot_hold_is_refused(path, name):
    with pytest.raises(CheckpointError, match="as its name, got"):
        tensor_file.write_tensors(path, {name: np.ones(1)}, {})


@pytest.mark.parametrize(
    "manifest",
    [{"a": np.nan}, {"a": np.inf}, {"a": np.float32(1)}, {"a": {1}}, {1: 0, "1": 0}, [1], None],
    ids=str,
)
def test_a_manifest_that_would_not_come_back_is_refused(saved, manifest):
    with pytest.raises(CheckpointError):
        tensor_file.write_tensors(saved, NEW, manifest)
    assert step_on_disk(saved) == 1


def test_a_manifest_that_is_too_deep_or_too_long_is_refused(saved):
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    for manifest in (deep, {"a": "x" * 2**24}):
        with pytest.raises(CheckpointError):
            tensor_file.write_tensors(saved, NEW, manifest)
    assert step_on_disk(saved) == 1


# places that are no regular file


@pytest.fixture(params=["folder", "symlink", "pipe", "socket"])
def odd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    place = tmp_path / "odd"
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        make = {"folder": os.mkdir, "symlink": lambda p: os.symlink("/dev/zero", p), "pipe": os.mkfifo}
        (make | {"socket": lambda p: server.bind(os.path.relpath(p))})[request.param](place)
        yield place


def test_nothing_but_a_regular_file_is_read_or_replaced(odd):
    kind = odd.lstat().st_mode
    signal.alarm(5)
    try:
        with pytest.raises(CheckpointError, match="odd cannot be read"):
            tensor_file.read_tensors(odd)
        with pytest.raises(CheckpointError, match="replaces regular files only"):
            tensor_file.write_tensors(odd, NEW, {})
    finally:  # a failure must not leave the alarm to kill the whole run
        signal.alarm(0)
    assert odd.lstat().st_mode == kind
    assert len(list(odd.parent.iterdir())) == 1


def test_a_link_to_a_file_is_not_replaced_nor_is_the_file(saved, tmp_path):
    (tmp_path / "latest").symlink_to(saved)
    with pytest.raises(CheckpointError, match="replaces regular files only"):
        tensor_file.write_tensors(tmp_path / "latest", NEW, {"step": 2})
    assert (tmp_path / "latest").readlink() == saved
    assert tensor_file.read_tensors(saved)[1] == {"step": 1}


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "no/such/folder/model", "nul\0", "x" * 300])
def test_a_place_that_cannot_hold_a_file_is_a_checkpoint_error(tmp_path, name):
    with pytest.raises(CheckpointError):
        tensor_file.read_tensors(tmp_path / name)
    with pytest.raises(CheckpointError):
        tensor_file.write_tensors(tmp_path / name, NEW, {})


def test_a_symbolic_link_to_a_checkpoint_is_read(saved, tmp_path):
    (tmp_path / "latest").symlink_to(saved)
    assert tensor_file.read_tensors(str(tmp_path / "latest"))[1] == {"step": 1}
