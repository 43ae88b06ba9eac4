"""The tail of a history file gives each whole line once, and all of a file that was written anew."""

from __future__ import annotations

from pathlib import Path

from bpframe.runs.history_file import HistoryFile
from bpframe.runs.history_tail import HistoryTail


def test_each_whole_line_comes_once_whenever_it_is_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    tail = HistoryTail(file)
    assert tail.records() == []
    text = b'{"epoch": 1}\n{"epoch": 2}\nno record\n[3]\n{"epoch": 4}\n'
    found = []
    for i in range(len(text)):
        with file.open("ab") as opened:
            opened.write(text[i : i + 1])
        found += tail.records()
        assert not tail.anew
    assert found == [{"epoch": 1}, {"epoch": 2}, {"epoch": 4}]


def test_a_history_that_a_resumed_run_writes_anew_comes_whole(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history.jsonl")
    tail = HistoryTail(file.path)
    file.append([{"epoch": 1}, {"epoch": 2}])
    assert len(tail.records()) == 2
    file.replace([{"epoch": 1}])
    assert tail.records() == [{"epoch": 1}]
    assert tail.anew
    file.append([{"epoch": 2}])
    assert tail.records() == [{"epoch": 2}]
    assert not tail.anew
    file.path.write_text("")
    assert tail.records() == []
    assert tail.anew
