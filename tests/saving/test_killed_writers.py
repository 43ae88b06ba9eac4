"""A writer that is killed leaves a whole file, no older than it said; one that writes in place leaves a broken one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpframe.errors import CheckpointError
from bpframe.saving import atomic, tensor_file

LOOP = """
import sys
import numpy as np
from bpframe.saving import tensor_file as checkpoint

def in_place(path, tensors, manifest):
    with open(path, "wb") as file:
        for part in checkpoint._encode(tensors, manifest):
            file.write(part)

write = in_place if sys.argv[2] == "in place" else checkpoint.write_tensors
for step in range(2, 10**6):
    write(sys.argv[1], {"a": np.full(10**5, step), "b": np.full(10**5, step)}, {"step": step})
    print(step, flush=True)
"""


def killed(path: Path, pauses: Any, way: str = "durably") -> Iterator[int]:
    """The last step that a writer said it had saved, before a SIGKILL so many seconds after its first."""
    for pause in pauses:
        command = [sys.executable, "-c", LOOP, str(path), way]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            first = writer.stdout.readline()
            assert first
            time.sleep(pause)
            writer.kill()
            said = [first, *writer.stdout.read().split()]
        yield int(said[-1])


def step_of(path: Path) -> int:
    """The step of which every number in the file is."""
    tensors, manifest = tensor_file.read_tensors(path)
    assert {int(value) for array in tensors.values() for value in np.unique(array)} == {manifest["step"]}
    return int(manifest["step"])


@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_a_killed_writer_leaves_a_whole_file_that_is_no_older_than_it_said(path, rng, kills):
    left = 0
    for said in killed(path, rng.uniform(0, 0.05, kills)):
        assert step_of(path) in (said, said + 1)
        left += len(atomic.sweep(path.parent))
        assert os.listdir(path.parent) == [path.name]
    print(f"measured: writers killed, each with a whole file: {kills}; temporaries that they left: {left}")


@pytest.mark.slow
def test_the_same_kills_break_a_file_that_is_written_in_place(path, rng):
    broken = 0
    for _ in killed(path, rng.uniform(0, 0.05, 40), "in place"):
        try:
            step_of(path)
        except CheckpointError:
            broken += 1
    print(f"measured: files of 40 killed writers that write in place: {broken} broken")
    assert broken > 0
