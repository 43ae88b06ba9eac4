"""`bpframe docs` writes the pages as HTML, whose links lead somewhere; a wheel has all that it needs."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

import pytest

from bpframe.cli import documents
from tests.cli.commands import bad, good

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    documents.write_html(folder)
    return folder


def test_every_page_is_there_and_every_link_leads_to_a_place_in_it(pages: Path) -> None:
    examples = {pages / path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.html")}
    written = {path: path.read_text(encoding="utf-8") for path in {*pages.rglob("*.html")} - examples}
    assert len(written) == len(list((ROOT / "docs").rglob("*.md")))
    anchors = {path: set(re.findall(r'id="([^"]+)"', text)) for path, text in written.items()}
    checked = 0
    for path, text in written.items():
        for link in re.findall(r'(?:href|src)="([^"]+)"', text):
            if not re.match(r"[a-z]+:", link):
                file, _, anchor = link.partition("#")
                target = (path.parent / file).resolve() if file else path
                assert target.is_file(), f"{path.name}: {link} leads nowhere"
                assert not anchor or anchor in anchors[target], f"{path.name}: {link}"
                checked += 1
    assert checked > 200


def test_a_page_is_whole_html_and_code_in_it_is_escaped(pages: Path) -> None:
    text = (pages / "how-to/write-a-plugin.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "<title>Write a plugin</title>" in text
    assert "<table>" in (pages / "reference/components.html").read_text(encoding="utf-8")
    assert "<script" not in documents.html_page("# a\n\n<script>b</script>")


def test_the_path_of_the_page_is_printed_and_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    path = Path(good("docs", "optimizers", "--output", "pages").strip())
    assert path == folder / "pages/reference/optimizers.html"
    assert opened == [path.as_uri()]
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setattr(sys, "platform", "linux")
    index = Path(good("docs", "--no-browser").strip())
    assert index.is_relative_to(folder / "cache")
    assert index.is_file()
    assert len(opened) == 1


def test_a_page_that_does_not_exist_is_named_with_those_that_do() -> None:
    assert "no page 'optimiser'. Did you mean 'optimizers'?" in bad(2, "docs", "optimiser", "--no-browser")


def test_a_folder_that_cannot_be_written_is_an_error(folder: Path) -> None:
    (folder / "file").write_text("")
    assert "Choose another: --output" in bad(5, "docs", "--no-browser", "--output", "file/pages")


def test_a_wheel_has_every_page_and_example(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hatchling.builders.wheel import WheelBuilder

    wheel = next(iter(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site", [name for name in archive.namelist() if "/documents/" in name])
    here = (documents.pages(), documents.examples())
    monkeypatch.setattr(documents, "PACKAGE", folder / "site" / "bpframe")
    assert not list((folder / "site").rglob("*.py"))  # they would count as code of bpframe
    there = (documents.pages(), documents.examples())
    assert [path.read_bytes() for path in there[0].values()] == [path.read_bytes() for path in here[0].values()]
    contents = [
        {name: {file: path.read_bytes() for file, path in files.items()} for name, files in found[1].items()}
        for found in (here, there)
    ]
    assert contents[0] == contents[1]
