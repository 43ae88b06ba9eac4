"""A file is the old one or the new one, whole, whatever fails, interrupts or kills its writer; nothing else is left."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpframe import Network, Trainer, layers
from bpframe.errors import CheckpointError
from bpframe.saving import atomic, tensor_file

CALLS = ("open", "write", "fsync", "close", "replace")
TENSORS = {"weight": np.zeros((2, 3), np.float32), "bias": np.zeros(3)}


# three kinds of files that are saved, each with an old and a new version


@dataclass(frozen=True)
class Kind:
    """`save(path, version)` puts version 1 or 2 there; `version(path)` reads all of it, and says which it is."""

    save: Callable[[Path, int], None]
    version: Callable[[Path], int]


def save_tensors(path: Path, version: int) -> None:
    tensor_file.write_tensors(path, {name: array + version for name, array in TENSORS.items()}, {"step": version})


def tensors_version(path: Path) -> int:
    tensors, manifest = tensor_file.read_tensors(path)
    assert tensors.keys() == TENSORS.keys()
    assert {float(value) for array in tensors.values() for value in array.flat} == {manifest["step"]}
    return int(manifest["step"])


def save_text(path: Path, version: int) -> None:
    atomic.write_file(path, str(version) * 1000)


def text_version(path: Path) -> int:
    text = path.read_text()
    assert text == text[0] * 1000
    return int(text[0])


def model(seed: int) -> Trainer:
    return Trainer(Network([layers.dense(2)], inputs=3), "mse", seed=seed)


def save_model(path: Path, version: int) -> None:
    model(version).save(path)


def model_version(path: Path) -> int:
    loaded = Trainer.load(path)
    fresh = model(loaded.seed).parameters
    assert all(np.array_equal(loaded.parameters[name], value) for name, value in fresh.items())
    return loaded.seed


KINDS = {
    "tensors": Kind(save_tensors, tensors_version),
    "text": Kind(save_text, text_version),
    "model": Kind(save_model, model_version),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


def version_of(kind: Kind, path: Path) -> int:
    """The version that the path holds, after a look that nothing lies beside it."""
    assert os.listdir(path.parent) == [path.name]
    return kind.version(path)


# calls that fail


@dataclass
class Disk:
    """Counts the calls by which files are written, and lets the k-th, counted from 0, go wrong.

    `before`: nothing of the call happens; otherwise all of it does, or half of what is to be written.
    """

    k: int = -1
    error: BaseException = field(default_factory=lambda: OSError(errno.ENOSPC, "No space left on device"))
    before: bool = True
    seen: list[str] = field(default_factory=list)

    def patched(self, call: str) -> Callable[..., Any]:
        real = getattr(os, call)

        def made(*arguments: Any) -> Any:
            self.seen.append(call)
            if len(self.seen) - 1 != self.k:
                return real(*arguments)
            if call == "close" or not self.before:  # a descriptor is gone even where close reports a failure
                real(*((arguments[0], arguments[1][: len(arguments[1]) // 2]) if call == "write" else arguments))
            raise self.error

        return made

    def run(self, monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> BaseException | None:
        """What the action raises, or None."""
        with monkeypatch.context() as patch:
            for call in CALLS:
                patch.setattr(os, call, self.patched(call))
            try:
                action()
            except BaseException as error:
                return error
        return None


def descriptors() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"))


def calls(kind: Kind, path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those of one save, which is made."""
    disk = Disk()
    assert disk.run(monkeypatch, lambda: kind.save(path, 1)) is None
    return disk.seen


def test_these_are_the_calls_of_one_save(kind, path, monkeypatch):
    seen = calls(kind, path, monkeypatch)
    opened, writes = seen[:2], seen.count("write")
    assert opened == ["open", "open"]  # of the folder and of the temporary
    assert seen[2:] == ["write"] * writes + ["fsync", "close", "replace", "fsync", "close"]
    assert writes > 0


@pytest.mark.parametrize("before", [True, False], ids=["undone", "half done"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS], ids=errno.errorcode.get)
def test_every_call_that_fails_leaves_a_whole_file_and_no_other(kind, path, monkeypatch, code, before):
    for k in count():
        kind.save(path, 1)
        opened = descriptors()
        disk = Disk(k, OSError(code, os.strerror(code)), before)
        error = disk.run(monkeypatch, lambda: kind.save(path, 2))
        if len(disk.seen) <= k:
            break
        renamed = "replace" in disk.seen[: k + 1 - before]
        assert version_of(kind, path) == (2 if renamed else 1)
        assert descriptors() == opened or disk.seen[k] == "open"  # half done, an open leaves what nobody can know of
        if renamed and disk.seen[k] == "close":  # that of the folder, whose changes fsync has seen to the disk
            assert error is None
        else:
            assert isinstance(error, CheckpointError)
            assert f"{path} cannot be written: " in str(error)
            assert os.strerror(code) in str(error)
    print(f"measured: calls of a save that were made to fail, one at a time: {k}")
    assert k >= 8
    assert error is None
    assert version_of(kind, path) == 2


def test_a_checkpoint_of_another_name_outlives_every_failure(tmp_path, monkeypatch):
    older, newer = tmp_path / "step-1", tmp_path / "step-2"
    save_tensors(older, 1)
    for k in count():
        newer.unlink(missing_ok=True)
        disk = Disk(k)
        disk.run(monkeypatch, lambda: save_tensors(newer, 2))
        if len(disk.seen) <= k:
            break
        assert tensors_version(older) == 1
        whole = "replace" in disk.seen[:k]
        assert sorted(os.listdir(tmp_path)) == (["step-1", "step-2"] if whole else ["step-1"])
        assert not whole or tensors_version(newer) == 2
    assert k >= 9


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_an_interrupt_at_every_call_is_passed_on_and_leaves_no_temporary(kind, path, monkeypatch, before):
    for k in count():
        kind.save(path, 1)
        disk = Disk(k, KeyboardInterrupt(), before)
        error = disk.run(monkeypatch, lambda: kind.save(path, 2))
        if len(disk.seen) <= k:
            break
        assert isinstance(error, KeyboardInterrupt)
        assert version_of(kind, path) == (2 if "replace" in disk.seen[: k + 1 - before] else 1)
    print(f"measured: calls of a save that were interrupted, one at a time: {k}")
    assert k >= 8


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no timers that interrupt")
def test_interrupts_at_random_moments_leave_no_temporary(path, rng):
    save_tensors(path, 1)
    interrupted = 0
    for pause in rng.uniform(1e-5, 3e-3, 100):
        previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, pause)
            for version in (1, 2) * 5000:
                save_tensors(path, version)
        except KeyboardInterrupt:
            interrupted += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
        assert version_of(KINDS["tensors"], path) in (1, 2)
    print(f"measured: interrupts at random moments of saving: {interrupted}")
    assert interrupted == 100


def test_short_writes_are_continued(kind, path, monkeypatch):
    kind.save(path, 1)
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, part: real(descriptor, part[:7]))
        kind.save(path, 2)
    assert version_of(kind, path) == 2


def test_a_disk_that_takes_nothing_is_an_error_and_no_endless_loop(kind, path, monkeypatch):
    kind.save(path, 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, part: 0)
        with pytest.raises(CheckpointError, match="takes no more bytes"):
            kind.save(path, 2)
    assert version_of(kind, path) == 1


# what is on the disk when


def test_the_file_is_on_the_disk_before_its_name_and_the_name_before_the_return(kind, path, monkeypatch):
    seen: list[str] = []
    folder = os.stat(path.parent)

    def recorded(call: str) -> Callable[..., Any]:
        real = getattr(os, call)

        def made(*arguments: Any) -> Any:
            on_folder = call != "replace" and os.path.samestat(os.fstat(arguments[0]), folder)
            seen.append(f"{call} {'folder' if on_folder else 'file'}")
            return real(*arguments)

        return made

    with monkeypatch.context() as patch:
        for call in ("write", "fsync", "replace"):
            patch.setattr(os, call, recorded(call))
        kind.save(path, 1)
    assert list(dict.fromkeys(seen)) == ["write file", "fsync file", "replace file", "fsync folder"]
    assert seen[-3:] == ["fsync file", "replace file", "fsync folder"]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EBADF], ids=errno.errorcode.get)
def test_a_file_system_without_fsync_for_folders_is_no_failure(kind, path, monkeypatch, code):
    of_folder = len(calls(kind, path, monkeypatch)) - 2
    assert Disk(of_folder, OSError(code, "no")).run(monkeypatch, lambda: kind.save(path, 2)) is None
    assert version_of(kind, path) == 2


def test_a_rename_that_may_be_lost_is_told(path, monkeypatch):
    of_folder = len(calls(KINDS["text"], path, monkeypatch)) - 2
    error = Disk(of_folder, OSError(errno.EIO, "broken")).run(monkeypatch, lambda: save_text(path, 2))
    assert "the new file is whole, but a loss of power may undo it: [Errno 5] broken" in str(error)
    assert text_version(path) == 2


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077], ids=oct)
def test_others_may_read_a_file_as_the_users_mask_says(kind, path, mask):
    previous = os.umask(mask)
    try:
        kind.save(path, 1)
        kind.save(path, 2)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


# temporaries of others


def test_a_foreign_temporary_file_is_neither_used_nor_removed(kind, path, monkeypatch):
    kind.save(path, 1)
    foreign = path.with_name(f".{path.name}.tmp-{os.getpid()}-00")
    foreign.write_text("mine")
    with monkeypatch.context() as patch:
        patch.setattr("secrets.token_hex", lambda size: "00")
        with pytest.raises(CheckpointError, match="File exists"):
            kind.save(path, 2)
    assert foreign.read_text() == "mine"
    foreign.unlink()
    assert version_of(kind, path) == 1


def test_a_sweep_removes_what_killed_writers_left_and_nothing_else(tmp_path):
    kept = ["latest", ".hidden", ".latest.tmp", ".a.tmp-12-xyz", "a.tmp-12-0123abcd", ".a.tmp-12-0123ABCD"]
    left = [".latest.tmp-12-0123abcd", ".a b\n.tmp-3-00000000", ".step-1.safetensors.tmp-99999-ffffffff"]
    for name in (*kept, *left):
        (tmp_path / name).write_text("")
    (tmp_path / ".folder.tmp-1-00000000").mkdir()
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / left[0]).write_text("")
    assert atomic.sweep(tmp_path) == sorted(tmp_path / name for name in left)
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, ".folder.tmp-1-00000000", "inside"])
    assert os.listdir(tmp_path / "inside") == [left[0]]


# disks that are full, folders that are closed: in another process


def child(code: str, *arguments: Any) -> str:
    """What the code prints in a fresh interpreter; it must end well."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


FULL = """
import os, resource, sys
from pathlib import Path
import numpy as np
from bpframe.saving import tensor_file as checkpoint
from bpframe.errors import CheckpointError
from bpframe.saving import atomic as files

path, text = map(Path, sys.argv[1:])
new = {"weight": np.ones((2, 3), np.float32), "bias": np.ones(3)}
checkpoint.write_tensors(path, new, {"step": 2})
sizes = {path: os.path.getsize(path), text: 300}
checkpoint.write_tensors(path, {name: 0 * array for name, array in new.items()}, {"step": 1})
files.write_file(text, "1" * sizes[text])
old = {file: file.read_bytes() for file in sizes}
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
saves = {
    path: lambda: checkpoint.write_tensors(path, new, {"step": 2}),
    text: lambda: files.write_file(text, "2" * sizes[text]),
}
refused = 0
for file, save in saves.items():
    for room in range(sizes[file]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            save()
        except CheckpointError as error:
            refused += "File too large" in str(error) and str(file) in str(error) and "space left" in str(error)
        assert file.read_bytes() == old[file]
    resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[file], hard))
    save()
    assert file.read_bytes() != old[file]
assert refused == sum(sizes.values())
assert sorted(os.listdir(path.parent)) == sorted(file.name for file in sizes)
print(refused, checkpoint.read_tensors(path)[1]["step"])
"""


def test_a_disk_that_is_full_at_any_byte_keeps_the_old_file(tmp_path):
    pytest.importorskip("resource", reason="Windows has no limits of resources")
    refused, step = child(FULL, tmp_path / "latest", tmp_path / "text").split()
    print(f"measured: sizes at which the disk was full, all refused: {refused}")
    assert int(refused) > 500
    assert step == "2"


CLOSED = """
import os, sys
from pathlib import Path
import numpy as np
from bpframe.saving import tensor_file as checkpoint
from bpframe.errors import CheckpointError
from bpframe.saving import atomic as files

text = Path("text")
os.chdir(sys.argv[1])
checkpoint.write_tensors("latest", {"a": np.ones(2)}, {"step": 1})
files.write_file(text, "1")
os.chmod(".", 0o555)
os.chmod("latest", 0o666)  # the file alone would let itself be written
if os.geteuid() == 0:  # to whom no folder is closed
    os.setegid(65534)
    os.seteuid(65534)
try:
    open("closed", "w")
    sys.exit("the folder is open")
except PermissionError:
    pass
for save in (
    lambda: checkpoint.write_tensors("latest", {"a": np.zeros(2)}, {"step": 2}),
    lambda: files.write_file(text, "2"),
):
    try:
        save()
    except CheckpointError as error:
        print(error)
assert sorted(os.listdir()) == ["latest", "text"], os.listdir()
assert checkpoint.read_tensors("latest")[1] == {"step": 1} and text.read_text() == "1"
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps no folder closed by its mode")
def test_a_folder_that_may_not_be_written_keeps_the_old_file(tmp_path):
    told = child(CLOSED, tmp_path).splitlines()
    tmp_path.chmod(0o755)
    assert [line.split(" cannot be written: [Errno 13] Permission denied")[0] for line in told] == ["latest", "text"]
    assert all("Check the folder" in line for line in told)


def test_a_place_in_what_is_no_folder_is_refused_at_once(kind, tmp_path):
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    signal.alarm(5)
    try:
        for place in ("file", "pipe", "nothing"):
            with pytest.raises(CheckpointError, match=f"{place}/latest cannot be written: .*(Not a|No such)"):
                kind.save(tmp_path / place / "latest", 1)
    finally:
        signal.alarm(0)
    assert sorted(os.listdir(tmp_path)) == ["file", "pipe"]
