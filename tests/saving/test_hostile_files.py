"""A file made to harm is refused in little memory: nothing in it is run, imported, opened or believed.

The corpus is made here. Damage by accident is the matter of test_safetensors.py.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import socket
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy as official

from bpframe.errors import CheckpointError
from bpframe.saving import safetensors as format
from bpframe.saving import tensor_file
from tests.saving.hostile_names import NAMES

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def file_of(header: Any, data: bytes = bytes(8)) -> bytes:
    """A file by hand; a header that is no text is made into JSON."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode("utf-8", "surrogatepass")
    return len(text).to_bytes(8, "little") + text + data


class Exploit:
    """Unpickled, it makes the file "owned" in the current folder."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("owned",)


def saved(save: Callable[..., None], *arguments: Any, **arrays: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *arguments, **arrays)
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("data.pkl", pickle.dumps(Exploit()))
        made.writestr("../../outside", bytes(10**7))
    return buffer.getvalue()


def repeated(begin: str, unit: str, end: str, size: int = 2**16) -> bytes:
    return file_of(begin + unit * ((size - len(begin) - len(end)) // len(unit)) + end, b"")


def tensor(**fields: Any) -> bytes:
    return file_of({"a": {**F32, **fields}})


def number(text: str, where: str = "shape") -> bytes:
    """A file in which a number is spelled by hand."""
    return file_of(json.dumps({"a": {**F32, where: ["#"]}}).replace('"#"', text))


CORPUS: dict[str, bytes] = {
    "a pickle": pickle.dumps(Exploit()),
    "a pickle of protocol 0": pickle.dumps(Exploit(), 0),
    "an array of pickled objects": saved(np.save, np.array([Exploit()])),
    "an archive with a pickle and a bomb": archive(),
    "an archive of NumPy": saved(np.savez, a=np.ones(3)),
    "a script": b"#!/bin/sh\nmkdir owned\n",
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "a program": b"\x7fELF" + bytes(100),
    "an archive behind the tensors": file_of({"a": F32}) + archive(),
    "an archive in front": archive() + file_of({"a": F32}),
    "an archive in a hole": file_of(
        {"a": F32, "b": {**F32, "data_offsets": [1000, 1008]}}, bytes(8) + archive().ljust(992) + bytes(8)
    ),
    "two files in one": file_of({"a": F32}) * 2,
    "nothing": b"",
    "no header": bytes(8),
    "a header longer than the file": (2**40).to_bytes(8, "little") + b"{}",
    "a header of 2^64 - 1 bytes": bytes([255] * 8) + b"{}",
    "a space before the brace": file_of(' {"a": ' + json.dumps(F32) + "}"),
    "the same tensor twice": file_of(f'{{"a": {json.dumps(F32)}, "a": {json.dumps(F32)}}}'),
    "the same tensor twice, spelled differently": file_of(f'{{"a": {json.dumps(F32)}, "\\u0061": {json.dumps(F32)}}}'),
    "the same metadata twice": file_of('{"__metadata__": {}, "__metadata__": {}}', b""),
    "objects 20,000 deep": repeated('{"a":', '{"a":', "", 10**5),
    "objects 101 deep": file_of('{"a":' * 101 + "1" + "}" * 101),
    "lists deep behind a quoted bracket": repeated('{"\\"]]]":', "[", ""),
    "lists deep behind an escaped quote": repeated('{"\\\\":', "[", ""),
    "lists deep where a text was left open": repeated('{"a\\":', "[", ""),
    "a whole number of 10^5000": number("1" + "0" * 5000),
    "a whole number of 100,000 digits": number("9" * 10**5),
    "a whole number of 641 digits": number("9" * 641),
    "a negative whole number of 100,000 digits": number("-" + "9" * 10**5),
    "a fraction of 100,000 digits": number("9" * 10**5 + ".5"),
    "an offset of 10^5000": number("0, 1" + "0" * 5000, "data_offsets"),
    "an exponent of 100,000 digits": number("1e" + "9" * 10**5),
    "NaN as a size": number("NaN"),
    "a shape of 2^62 twice": tensor(shape=[2**62, 2**62]),
    "a shape of 2^63": tensor(shape=[2**63]),
    "a shape of 2^40, and offsets to match": tensor(shape=[2**40], data_offsets=[0, 2**42]),
    "a shape whose size wraps around to 8 bytes": tensor(shape=[2**62 + 2]),
    "a shape of 100,000 axes": tensor(shape=[1] * 10**5 + [2]),
    "a negative shape": tensor(shape=[-1, -2]),
    "an object dtype": tensor(dtype="O"),
    "a structured dtype": tensor(dtype=[["f0", "<f4"], ["f1", "<f4"]]),
    "a dtype of a million bytes": tensor(dtype="|V1000000"),
    "a reference to another file": tensor(dtype={"$ref": "file:///etc/passwd"}),
    "many small lists": repeated('{"a":[', "[[]],", "[]]}"),
    "many small objects": repeated('{"a":[', '{"":1},', "[]]}"),
    "many small numbers": repeated('{"a":[', "1.5,", "1]}"),
    "many short texts": repeated('{"a":[', '"ab",', "1]}"),
    "many escaped quotes": repeated('{"a":"', '\\"', ""),
    "many quotes": repeated('{"a":', '""', ""),
    "many tensors of no bytes": file_of(
        "{" + ",".join(f'"{i}":{{"dtype":"O","shape":[0],"data_offsets":[0,0]}}' for i in range(10**4)) + "}", b""
    ),
    **{f"hostile name {i}, field missing": file_of({name: {"dtype": "F32"}}) for i, name in enumerate(NAMES)},
    **{f"hostile dtype {i}": tensor(dtype=name) for i, name in enumerate(NAMES)},
    **{f"hostile digest {i}": file_of({"__metadata__": {"sha256": name}, "a": F32}) for i, name in enumerate(NAMES)},
}


@pytest.fixture
def corpus(tmp_path: Path) -> dict[str, Path]:
    """A file for each entry; the current folder of the test is another, which stays empty."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    paths = {}
    for i, (name, content) in enumerate(CORPUS.items()):
        paths[name] = folder / f"{i}.safetensors"
        paths[name].write_bytes(content)
    return paths


def test_the_form_of_the_corpus_is_sound():
    assert official.load(file_of({"a": F32}))["a"].tolist() == [0, 0]
    assert official.load(tensor(shape=[2, 1]))["a"].tolist() == [[0], [0]]
    assert official.load(number("2"))["a"].tolist() == [0, 0]


def test_every_file_of_the_corpus_is_refused_in_little_memory(corpus):
    most = 0.0
    for name, path in corpus.items():
        size = path.stat().st_size
        tracemalloc.start()
        began = time.perf_counter()
        try:
            refused = False
            try:
                tensor_file.read_tensors(path)
            except CheckpointError:
                refused = True
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert refused, name
        assert peak < 40 * size + 10**5, name
        most = max(most, (peak - 10**5) / max(size, 1))
        assert time.perf_counter() - began < 5, name
    print(f"measured: hostile files: {len(corpus)}, all refused; memory above 100 kB, in sizes of the file: {most:.1f}")


def test_no_message_is_long_or_acts_on_a_terminal(corpus):
    for name, path in corpus.items():
        with pytest.raises(CheckpointError) as caught:
            tensor_file.read_tensors(path)
        said = str(caught.value).removeprefix(str(path))
        assert len(said) < 600, name
        assert said.isprintable(), name


READER = """
import os, resource, sys
sys.set_int_max_str_digits(0)  # no limit of Python's own
sys.setrecursionlimit(10**9)
from bpframe.saving import tensor_file as checkpoint
from bpframe.errors import CheckpointError

good, *paths = sys.argv[1:]
checkpoint.read_tensors(good)
try:
    checkpoint.read_tensors(paths[0])
except CheckpointError:
    pass
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, str(arguments[0])) if event == "open" else (event, "")))
with open("/proc/self/statm") as file:
    pages = int(file.read().split()[0])
room = pages * resource.getpagesize() + 100 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (room, room))
refused = 0
for path in paths:
    seen.clear()
    try:
        checkpoint.read_tensors(path)
    except CheckpointError as error:
        refused += not isinstance(error.__cause__, MemoryError)
    if set(seen) != {("open", path)}:
        sys.exit(f"{path}: {seen[:9]}")
print(refused, len(paths))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
def test_reading_opens_that_file_and_does_nothing_else(corpus, tmp_path):
    tensor_file.write_tensors(tmp_path / "good", {"a": np.ones(2)}, {"b": 1})
    (tmp_path / "empty").mkdir()
    command = [sys.executable, "-W", "error", "-c", READER, str(tmp_path / "good"), *map(str, corpus.values())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path / "empty")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [str(len(CORPUS))] * 2
    assert os.listdir(tmp_path / "empty") == []
    assert sorted(os.listdir(tmp_path)) == ["corpus", "empty", "good"]


def test_the_exploit_of_the_corpus_works_on_who_unpickles(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(CORPUS["a pickle"])
    assert os.listdir(tmp_path) == ["owned"]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:30])
def test_a_tensors_name_is_a_text_and_nothing_more(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(file_of({name: F32}))
    tensors, manifest = tensor_file.read_tensors("file")
    assert list(tensors) == [name]
    assert manifest == {}
    tensor_file.write_tensors("again", tensors, {name: name})
    assert list(tensor_file.read_tensors("again")[0]) == [name]
    assert tensor_file.read_tensors("again")[1] == {name: name}
    assert sorted(os.listdir(tmp_path)) == ["again", "file"]


def test_a_manifest_that_cannot_be_read_cannot_be_written(tmp_path):
    fine: dict[str, Any] = {"number": 10**639}
    for _ in range(format.MAX_DEPTH - 1):
        fine = {"a": fine}
    tensor_file.write_tensors(tmp_path / "file", {}, fine)
    assert tensor_file.read_tensors(tmp_path / "file") == ({}, fine)
    for manifest in ({"a": fine}, {"a": 10**640}, {"a": 10**5000}):
        with pytest.raises(CheckpointError, match="file cannot be written: "):
            tensor_file.write_tensors(tmp_path / "file", {}, manifest)
    assert tensor_file.read_tensors(tmp_path / "file") == ({}, fine)


def special(folder: Path, server: socket.socket) -> Iterator[Path]:
    """A path for everything but a regular file."""
    links = {"loop": "loop", "dangling": "nowhere", "folder": ".", "up": ".."}
    for device in ("zero", "null", "random", "full", "tty", "stdin"):
        links[device] = f"/dev/{device}"
        yield Path("/dev") / device
    for name, target in links.items():
        (folder / name).symlink_to(target)
        yield folder / name
    os.mkfifo(folder / "pipe")
    (folder / "to pipe").symlink_to("pipe")
    server.bind(os.path.relpath(folder / "socket"))
    yield from (folder / name for name in ("pipe", "to pipe", "socket", "."))


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")
def test_devices_pipes_sockets_and_links_to_them_are_not_even_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    opened: list[Any] = []
    real = os.open
    with socket.socket(socket.AF_UNIX) as server:
        for path in special(tmp_path, server):
            monkeypatch.setattr(os, "open", lambda *arguments: opened.append(arguments) or real(*arguments))
            with pytest.raises(CheckpointError, match=r"cannot be read: (it needs to be a regular file|\[Errno)"):
                tensor_file.read_tensors(path)
            monkeypatch.setattr(os, "open", real)
    assert opened == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these")
@pytest.mark.parametrize("name", ["/proc/self/environ", "/proc/self/mem", "/proc/kmsg", "/proc/self/fd/0"])
def test_files_of_the_kernel_are_refused(name):
    with pytest.raises(CheckpointError):
        tensor_file.read_tensors(name)


def test_a_pipe_that_takes_the_files_place_between_two_looks_is_refused_at_once(tmp_path, monkeypatch):
    path = tmp_path / "file"
    tensor_file.write_tensors(path, {}, {})
    real = os.open

    def swapped(*arguments: Any) -> int:
        path.unlink()
        os.mkfifo(path)
        return real(*arguments)

    monkeypatch.setattr(os, "open", swapped)
    began = time.perf_counter()
    with pytest.raises(CheckpointError, match="regular file"):
        tensor_file.read_tensors(path)
    assert time.perf_counter() - began < 1
