"""Data come from regular files alone: what may never end, or has effects when it is opened, is refused."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from bpframe.data.sources.formats import suffixes
from bpframe.datasets import read, read_inputs
from bpframe.errors import DataError

NAMES = [f"rows{suffix}" for suffix in (*suffixes(), ".csv.gz")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (os.mkfifo, "a pipe"),
        (Path.mkdir, "a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
        (lambda path: path.symlink_to("/dev/full"), "a device"),
        (lambda path: path.symlink_to("/"), "a folder"),
    ],
    ids=["pipe", "folder", "zeros", "device", "link to a folder"],
)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, name, make, kind):
    make(tmp_path / name)
    got = f"got: it needs to be a regular file, got {kind}"
    with pytest.raises(DataError, match=rf"{name}' needs to be a readable .*, {got}"):
        read_inputs(tmp_path / name)


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("rows.csv")
        with pytest.raises(DataError, match="regular file, got a socket"):
            read_inputs("rows.csv")


def test_the_targets_beside_an_array_are_no_pipe_either(tmp_path):
    import numpy as np

    np.save(tmp_path / "x.npy", np.ones((3, 2)))
    os.mkfifo(tmp_path / "y.npy")
    with pytest.raises(DataError, match=r"y.npy' needs to be a readable .npy file, got: .* a pipe"):
        read(tmp_path / "x.npy")


def test_a_link_to_a_file_is_read(tmp_path):
    (tmp_path / "rows.csv").write_text("a,y\n1,2\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "rows.csv")
    assert read(tmp_path / "link.csv", "y")[0].tolist() == [[1.0]]
