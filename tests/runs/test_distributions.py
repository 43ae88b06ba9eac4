"""The origin and the digest of an installed distribution are those of its files."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from bpframe.registry import Registry, registry
from bpframe.runs.lock.distributions import describe_distribution, editable_folder


def offer(place: Path, name: str, files: dict[str, str], direct: str = "", recorded: bool = True) -> None:
    """A distribution in a folder, as an installer leaves it: code, and metadata with a loss `module:Loss`."""
    for file, text in files.items():
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_text(text)
    meta = place / f"{name.replace('-', '_')}-1.0.dist-info"
    meta.mkdir(parents=True)
    (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    top = sorted(files)[0].partition("/")[0].removesuffix(".py") if files else name.replace("-", "_")
    (meta / "entry_points.txt").write_text(f"[bpframe.losses]\n{name} = {top}:Loss\n")
    (meta / "RECORD").write_text("".join(f"{file},,\n" for file in files) if recorded else f"{meta.name}/METADATA,,\n")
    if direct:
        (meta / "direct_url.json").write_text(direct)


def test_the_digest_of_code_is_the_same_however_it_is_installed_and_changes_with_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"one_pack/__init__.py": "class Loss: ...\n", "one_pack/deep/part.py": "x = 1\n"}
    offer(tmp_path / "wheel", "one-pack", files)
    offer(tmp_path / "edited", "one-pack", files, '{"url": "file:///x", "dir_info": {"editable": true}}', False)
    codes = []
    for place in ("wheel", "edited"):
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path / place)
            found = describe_distribution(Registry(), "one-pack")
            (tmp_path / place / "one_pack/deep/part.py").write_text("x = 2\n")
            changed = describe_distribution(Registry(), "one-pack")
        assert found is not None
        assert changed is not None
        codes += [(found["code"], changed["code"])]
    assert codes[0] == codes[1]
    assert codes[0][0] != codes[0][1]
    assert codes[0][0].startswith("sha256=")


@pytest.mark.parametrize(
    ("direct", "expected"),
    [
        ("", {"origin": "index"}),
        ("not JSON", {"origin": "index"}),
        ("[1]", {"origin": "index"}),
        ('{"url": "file:///x/y", "dir_info": {}}', {"origin": "folder"}),
        ('{"url": "https://h/a.whl", "archive_info": {}}', {"origin": "archive", "url": "https://h/a.whl"}),
        (
            '{"url": "https://h/r.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}}',
            {"origin": "vcs", "url": "https://h/r.git", "commit": "ab12"},
        ),
        ('{"url": "file:///not/there", "dir_info": {"editable": true}}', {"origin": "editable"}),
    ],
)
def test_the_origin_is_what_the_installer_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: str, expected: dict[str, str]
) -> None:
    offer(tmp_path, "two-pack", {"two_pack.py": "class Loss: ...\n"}, direct)
    monkeypatch.syspath_prepend(tmp_path)
    found = describe_distribution(Registry(), "two-pack")
    assert found is not None
    assert {key: found[key] for key in found if key not in ("name", "version", "code")} == expected


def test_an_editable_distribution_has_its_commit_and_whether_it_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path = tmp_path / "a folder"  # %20 in a URL
    tmp_path.mkdir()
    direct = f'{{"url": "{tmp_path.as_uri()}", "dir_info": {{"editable": true}}}}'
    offer(tmp_path, "three-pack", {"three_pack.py": "class Loss: ...\n"}, direct, False)
    monkeypatch.syspath_prepend(tmp_path)
    assert describe_distribution(Registry(), "three-pack") == {**state("three-pack"), "origin": "editable"}
    for words in ("init -q", "add three_pack.py", "-c user.name=a -c user.email=b commit -q -m first"):
        subprocess.run(["git", "-C", tmp_path, *words.split()], check=True, timeout=60)
    head = subprocess.run(["git", "-C", tmp_path, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    clean = {**state("three-pack"), "origin": "editable", "commit": head.stdout.strip(), "dirty": False}
    assert describe_distribution(Registry(), "three-pack") == clean
    (tmp_path / "three_pack.py").write_text("class Loss:\n    x = 1\n")
    changed = describe_distribution(Registry(), "three-pack")
    assert changed == {**state("three-pack"), "origin": "editable", "commit": head.stdout.strip(), "dirty": True}
    assert editable_folder("three-pack") == tmp_path
    monkeypatch.setenv("PATH", "")
    assert describe_distribution(Registry(), "three-pack") == {**state("three-pack"), "origin": "editable"}


def state(name: str) -> dict[str, Any]:
    """Name, version and code of a distribution, of which other tests tell what they are worth."""
    found = describe_distribution(Registry(), name)
    assert found is not None
    return {key: found[key] for key in ("name", "version", "code")}


def test_what_is_not_installed_has_no_distribution() -> None:
    assert describe_distribution(registry, "no-such-distribution") is None
