"""A damaged or hostile file is a CheckpointError, never another exception, a wrong tensor or a flood of memory."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy as official

from bpframe.errors import CheckpointError
from bpframe.saving import safetensors as format
from bpframe.saving import tensor_file

TENSORS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([True, False]), "s": np.array(7)}
MANIFEST = {"step": 1, "lr": 0.1, "names": ["a", None]}
F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
DATA = bytes(8)
NO_MANIFESTS = ['{"a":NaN}', '{"a":-Infinity}', '{"a":1e999}', '{"a":1,"a":1}', "[1]", "", "[" * 10**5, "9" * 5000]


def file_of(header: Any, data: bytes = DATA) -> bytes:
    """A file by hand; a header that is no text is made into JSON."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode("utf-8", "surrogatepass")
    return len(text).to_bytes(8, "little") + text + data


def read(folder: Path, content: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """What `read_tensors` gives for a file of this content; None for its refusal."""
    path = folder / "model.safetensors"
    path.write_bytes(content)
    try:
        return tensor_file.read_tensors(path)
    except CheckpointError:
        return None


def is_right(found: tuple[dict[str, np.ndarray], dict[str, Any]]) -> bool:
    """Whether these are TENSORS and MANIFEST, to the last bit."""
    tensors, manifest = found
    same = (np.array_equal(tensors[name], a) and tensors[name].dtype == a.dtype for name, a in TENSORS.items())
    return manifest == MANIFEST and tensors.keys() == TENSORS.keys() and all(same)


@pytest.fixture
def ours(tmp_path: Path) -> bytes:
    tensor_file.write_tensors(tmp_path / "ours", TENSORS, MANIFEST)
    return (tmp_path / "ours").read_bytes()


def test_the_unharmed_files_are_read(tmp_path, ours):
    found = read(tmp_path, ours)
    assert found
    assert is_right(found)
    by_hand = read(tmp_path, file_of({"a": F32}))
    assert by_hand
    assert by_hand[0]["a"].tolist() == [0, 0]


def test_every_truncation_and_any_further_byte_is_refused(tmp_path, ours):
    refused = 0
    for whole in (ours, official.save(TENSORS), official.save(TENSORS, {"format": "np"})):
        assert read(tmp_path, whole)
        for content in [*(whole[:n] for n in range(len(whole))), whole + b"\0", whole + whole]:
            assert read(tmp_path, content) is None
            refused += 1
    print(f"measured: truncations and additions of 3 files, all refused: {refused}")


def test_every_altered_byte_of_the_data_is_refused(tmp_path, ours):
    size = sum(array.nbytes for array in TENSORS.values())
    for place in range(len(ours) - size, len(ours)):
        altered = bytearray(ours)
        altered[place] ^= 1
        assert read(tmp_path, altered) is None


def test_without_our_digest_altered_data_would_be_read(tmp_path):
    altered = bytearray(official.save(TENSORS))
    altered[-3] ^= 64  # the last of w's bytes but two; b, its bools, end the file
    found = read(tmp_path, altered)
    assert found
    assert not is_right((found[0], MANIFEST))


SNIPPETS = [b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b" ", b"\0", b"\xff"]
SNIPPETS += [b"-1", b"1e999", b"NaN", b"9" * 25, b"null"]


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """The content after up to three changes, most of them in the header, where the format is decided."""
    altered = bytearray(content)
    header = 8 + int.from_bytes(content[:8], "little")
    for _ in range(rng.integers(1, 4)):
        start = int(rng.integers(header if rng.random() < 0.7 else len(content)))
        end = start + int(rng.integers(1, 12))
        kind = rng.integers(6)
        if kind == 0:
            altered[start : start + 1] = rng.bytes(1)
        elif kind == 1 and start < len(altered):
            altered[start] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            del altered[start:end]
        elif kind == 3:
            altered[start:start] = altered[start:end]
        elif kind == 4:
            altered[start:start] = SNIPPETS[rng.integers(len(SNIPPETS))]
        else:
            altered[start:end] = SNIPPETS[rng.integers(len(SNIPPETS))]
    return bytes(altered)


MUTATIONS = pytest.mark.parametrize("count", [700, pytest.param(10_000, marks=pytest.mark.slow)])


@MUTATIONS
def test_a_mutated_file_is_refused_or_read_right(tmp_path, ours, rng, count):
    changed = read_right = foreign = 0
    for _ in range(count):
        altered = mutated(ours, rng)
        found = read(tmp_path, altered)
        changed += altered != ours
        if found and found[1] == {}:  # neither key was left: a file of somebody else, of which no model can be made
            assert b'"manifest"' not in altered
            assert b'"sha256"' not in altered
            foreign += 1
        else:
            assert found is None or is_right(found)
            read_right += found is not None
    print(f"measured: mutations of a file: {count}, read and right {read_right}, without a manifest {foreign}")
    assert changed > 0.9 * count
    assert foreign <= 0.001 * count
    assert read_right < 0.1 * count  # spaces that become other JSON spaces, and changes that changed nothing


@MUTATIONS
def test_a_mutated_official_file_raises_nothing_else_and_gives_no_more_than_it_holds(tmp_path, rng, count):
    content = official.save(TENSORS, {"format": "np"})
    outcomes = []
    for _ in range(count):
        altered = mutated(content, rng)
        found = read(tmp_path, altered)
        outcomes.append(found is None)
        assert found is None or sum(array.nbytes for array in found[0].values()) < len(altered)
    print(f"measured: mutations of a file without a digest: {count}, refused {sum(outcomes)}")
    assert 0 < sum(outcomes) < count


@MUTATIONS
def test_mutated_files_take_little_memory(tmp_path, ours, rng, count):
    contents = [mutated(content, rng) for content in (ours, official.save(TENSORS)) for _ in range(count // 7)]
    longest = max(map(len, contents))
    tracemalloc.start()
    try:
        for content in contents:
            read(tmp_path, content)
        peak = tracemalloc.get_traced_memory()[1]
        print(f"measured: peak memory of reading {len(contents)} mutations of at most {longest} bytes: {peak} bytes")
        assert peak < 40 * longest + 10**5
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("old", ['"manifest"', '"sha256"', '"__metadata__"'])
def test_a_renamed_key_does_not_switch_the_digest_off(tmp_path, ours, old):
    assert ours.count(old.encode()) == 1
    assert read(tmp_path, ours.replace(old.encode(), old.replace("a", "e").encode())) is None


@pytest.mark.parametrize(("manifest", "good"), [('{"a":1.5}', True), *((text, False) for text in NO_MANIFESTS)])
def test_a_digest_by_hand_is_accepted_and_the_manifest_still_checked(tmp_path, manifest, good):
    canonical = {"__metadata__": {"manifest": manifest}, "a": F32}
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode() + DATA).hexdigest()
    found = read(tmp_path, file_of({**canonical, "__metadata__": {"sha256": digest, "manifest": manifest}}))
    assert (found is not None) == good
    assert found is None or found[1] == {"a": 1.5}


HEADERS = {
    "a list": [],
    "a number": 3,
    "not JSON": "{",
    "two objects": "{}{}",
    "byte order mark": "\ufeff{}",
    "not UTF-8": '{"\ud800": 1}',
    "the same tensor twice": f'{{"a": {json.dumps(F32)}, "a": {json.dumps(F32)}}}',
    "the same field twice": '{"a": {"dtype": "F32", "shape": [2], "shape": [2], "data_offsets": [0, 8]}}',
    "the same metadata twice": f'{{"__metadata__": {{"x": "", "x": ""}}, "a": {json.dumps(F32)}}}',
    "overlap": {"a": F32, "b": F32},
    "partial overlap": {"a": F32, "b": {**F32, "shape": [1], "data_offsets": [4, 8]}},
    "a hole in front": {"a": {**F32, "shape": [1], "data_offsets": [4, 8]}},
    "a hole behind": {"a": {**F32, "shape": [1], "data_offsets": [0, 4]}},
    "a hole between": {
        "a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},
        "b": {"dtype": "U8", "shape": [4], "data_offsets": [4, 8]},
    },
    "an empty tensor in a tensor": {"a": F32, "b": {**F32, "shape": [0], "data_offsets": [4, 4]}},
    "beyond the end": {"a": {**F32, "shape": [3], "data_offsets": [0, 12]}},
    "backwards": {"a": {**F32, "shape": [-2], "data_offsets": [8, 0]}},
    "no tensor for the data": {},
    "metadata no object": {"__metadata__": [], "a": F32},
    "metadata no texts": {"__metadata__": {"x": 1}, "a": F32},
    "a manifest without digest": {"__metadata__": {"manifest": "{}"}, "a": F32},
    "a digest that is wrong": {"__metadata__": {"sha256": "0" * 64}, "a": F32},
    "nested deeply": '{"a":' * 100_000,
    "nested lists": '{"a": ' + "[" * 100_000,
    "tensor no object": {"a": [F32]},
    "a field more": {"a": {**F32, "extra": 1}},
    "a field less": {"a": {"dtype": "F32", "shape": [2]}},
}
FIELDS: dict[str, list[Any]] = {
    "dtype": ["BF16", "F8_E4M3", "O", "f4", "", None, ["F32"], {"F32": 1}, 4],
    "shape": [
        *([3], [-2], [-1, -2], [2.0], ["2"], [True, 2], [None], [[2]], [0], [1] * 64 + [2], 2, "2", {"2": 2}, None),
        *([2**62, 2**62], [2**63, 0], [10**400], [0, 2**62, 2**62], [2**61, 8, 0]),
    ],
    "data_offsets": [
        *([0], [0, 8, 8], [0, 8.0], [False, 8], ["0", "8"], [-8, 0], [8, 16], [8, 0], None, 8),
        *([0, 2**64], [2**64, 2**64 + 8], [0, 10**400]),
    ],
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_that_breaks_the_format_is_refused(tmp_path, header):
    assert read(tmp_path, file_of(header)) is None


@pytest.mark.parametrize(("field", "value"), [(field, value) for field in FIELDS for value in FIELDS[field]])
def test_a_field_that_breaks_the_format_is_refused(tmp_path, field, value):
    assert read(tmp_path, file_of({"a": {**F32, field: value}})) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("shape", [-1, -2]), ("shape", [2**63, 0]), ("shape", [1] * 64 + [2]), ("data_offsets", [-8, 0])],
    ids=str,
)
def test_a_size_that_no_array_has_is_told_as_such(tmp_path, field, value):
    path = tmp_path / "file"
    path.write_bytes(file_of({"a": {**F32, field: value}}))
    with pytest.raises(CheckpointError, match=r"tensor 'a' needs a shape and two offsets of whole numbers"):
        tensor_file.read_tensors(path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "-0.0", "2.0"])
def test_a_number_that_is_no_size_is_refused(tmp_path, number):
    header = f'{{"a": {{"dtype": "F32", "shape": [{number}], "data_offsets": [0, 8]}}}}'
    assert read(tmp_path, file_of(header)) is None


def test_sizes_that_multiply_to_nothing_are_refused_where_numpy_has_no_such_array(tmp_path):
    for shape in ([0, 2**62, 2**62], [2**62, 2**62, 0]):
        empty = {"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}
        assert read(tmp_path, file_of(empty, b"")) is None


def test_a_truth_value_is_0_or_1(tmp_path):
    header = {"a": {"dtype": "BOOL", "shape": [2], "data_offsets": [0, 2]}}
    assert read(tmp_path, file_of(header, b"\1\0"))
    assert read(tmp_path, file_of(header, b"\1\2")) is None


def test_empty_tensors_take_no_bytes_at_any_border(tmp_path):
    places = {"b": 0, "c": 8, "d": 8}
    empty = {name: {"dtype": "I8", "shape": [3, 0], "data_offsets": [place] * 2} for name, place in places.items()}
    found = read(tmp_path, file_of({"a": F32, **empty}))
    assert found
    assert {name: array.shape for name, array in found[0].items()} == {"a": (2,), **dict.fromkeys("bcd", (3, 0))}


@pytest.mark.parametrize(
    "content",
    [
        (2**63).to_bytes(8, "little") + b"{}",
        (2**24).to_bytes(8, "little") + b"{}",
        file_of({"a": {"dtype": "F32", "shape": [2**38], "data_offsets": [0, 2**40]}}),
        file_of({"a": {"dtype": "F32", "shape": [2**38], "data_offsets": [0, 8]}}),
    ],
)
def test_a_small_file_takes_little_memory_whatever_it_claims(tmp_path, content):
    tracemalloc.start()
    try:
        assert read(tmp_path, content) is None
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_a_header_of_more_than_16_mib_is_refused(tmp_path):
    text = json.dumps({"a": F32})
    assert read(tmp_path, file_of(text.ljust(2**24)))
    assert read(tmp_path, file_of(text.ljust(2**24 + 1))) is None


def test_a_message_names_the_file_the_tensor_and_what_is_wrong(tmp_path):
    path = tmp_path / "old.safetensors"
    path.write_bytes(file_of({"hidden/w": {**F32, "dtype": "BF16"}}))
    with pytest.raises(CheckpointError, match=r"old\.safetensors .* 'hidden/w' needs a dtype among .*, got 'BF16'\."):
        tensor_file.read_tensors(path)


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    tensor_file.write_tensors(path, TENSORS, MANIFEST)
    real = format.parse_entries

    def cut(table: Any, length: int) -> Any:
        path.write_bytes(b"")
        return real(table, length)

    monkeypatch.setattr(format, "parse_entries", cut)
    with pytest.raises(CheckpointError, match="bytes more than it has"):
        tensor_file.read_tensors(path)
