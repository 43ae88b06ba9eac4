"""The documents keep their word: every block runs, prints what is shown, and every link leads somewhere.

A fenced block is told by the first word behind its fence:

    python    runs, after those above it in the same file, in one namespace and a folder of its own, warnings as errors;
              with a first line "# from PATH" it is a quotation of that source file and must occur in it
    toml      must parse; a whole config must pass the config check
    console   each line "$ bpframe ..." is run as a command in the same folder
              with "file=NAME" behind its language, a block is also written to NAME
    text      directly below a python or console block: what that block prints

Printed words and whole numbers must be the same. Numbers with a fraction may be off by 1% or by one in the last digit
shown, and below 1e-6 are zero: sums of float32 numbers differ that much between builds of BLAS. A number followed by
"s" is a time and may be any.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bpframe.runs import config

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
DOCUMENTS = [*sorted(ROOT.glob("*.md")), ROOT / "findings" / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
WITH_BLOCKS = [path for path in DOCUMENTS if path.parent != REFERENCE and "```" in path.read_text(encoding="utf-8")]
FENCE = re.compile(r"^```(\w*)[ ]?(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:,\d{3})*(?:\.\d*)?(?:e[-+]?\d+)?(?!\w)")
SECONDS = re.compile(r"(?<![\w.])\d+(?:\.\d*)?(?= ?s\b)")  # any number will do
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def by_name(documents: list[Path]) -> pytest.MarkDecorator:
    """A test for each document."""
    return pytest.mark.parametrize("document", documents, ids=lambda path: path.relative_to(ROOT).as_posix())


@dataclass(frozen=True)
class Block:
    """One fenced block: language, the rest of the line of the fence, contents, number of its first line."""

    language: str
    note: str
    text: str
    line: int
    printed: str | None = None  # the text block directly below

    @property
    def file(self) -> str:
        """The file that the block is written to, or ""."""
        return self.note.removeprefix("file=") if self.note.startswith("file=") else ""

    @property
    def quoted(self) -> str | None:
        """The source file that the block quotes."""
        match = re.match(r"# from (\S+)\n", self.text)
        return match[1] if match and self.language == "python" else None


def blocks(document: str) -> Iterator[Block]:
    """The blocks of a document in order."""
    found = list(FENCE.finditer(document))
    for match, after in itertools.zip_longest(found, found[1:]):
        below = after and after[1] == "text" and not document[match.end() : after.start()].strip()
        line = document.count("\n", 0, match.start(3)) + 1
        yield Block(match[1], match[2], match[3], line, after[3] if after and below else None)


# ------------------------------------------------------------------------------------------------- blocks that run


def play(path: Path) -> list[str]:
    """Run a document's blocks in the present folder; what each of them printed."""
    scope = {"__name__": "__main__"}
    printed = []
    for block in blocks(path.read_text(encoding="utf-8")):
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            if block.language == "python" and not block.quoted:
                exec(compile("\n" * (block.line - 1) + block.text, path, "exec"), scope)
            elif block.language == "console":
                command(block)
            if block.file:
                Path(block.file).write_text(block.text, encoding="utf-8")
        printed.append(stream.getvalue())
    return printed


def command(block: Block) -> None:
    """Run the block's bpframe commands, and print what they print."""
    for line in block.text.splitlines():
        if line.startswith("$ bpframe "):
            start = [sys.executable, "-W", "error", "-c", "from bpframe.cli import main; main()"]
            done = subprocess.run([*start, *shlex.split(line)[2:]], capture_output=True, text=True, timeout=300)
            if done.returncode:
                raise SystemExit(
                    f"line {block.line}: {line!r} exits with {done.returncode}: {done.stderr}{done.stdout}"
                )
            print(done.stdout, end="")


def played(path: Path, folder: Path) -> list[str]:
    """`play` in a fresh interpreter, so that no document leaves anything behind; AssertionError if it fails."""
    path_of_imports = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "COLUMNS": "120"}
    arguments = [sys.executable, "-W", "error", __file__, str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=folder, env=path_of_imports, timeout=600)
    assert done.returncode == 0, done.stderr
    answer: list[str] = json.loads(done.stdout)
    return answer


def differences(shown: str, printed: str) -> list[str]:
    """The lines of `shown` that `printed` does not match; see the top of this file for what a match is."""
    pairs = zip(shown.rstrip().splitlines(), printed.rstrip().splitlines(), strict=False)
    found = [f"shown   {a}\nprinted {b}" for a, b in pairs if not same(a, b)]
    lengths = [len(text.rstrip().splitlines()) for text in (shown, printed)]
    return (
        found if lengths[0] == lengths[1] else [*found, f"{lengths[0]} lines shown, {lengths[1]} printed:\n{printed}"]
    )


def same(shown: str, printed: str) -> bool:
    """Whether one printed line is what was shown."""
    shown, printed = (SECONDS.sub("", line) for line in (shown, printed))
    words = ["".join(NUMBER.sub("#", line).split()) for line in (shown, printed)]
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=False)
    return words[0] == words[1] and all(close(a, b) for a, b in pairs)


def close(shown: str, printed: str) -> bool:
    """Whether a printed number is the one shown; exactly, unless it has a fraction."""
    a, b = (text.replace(",", "").lower() for text in (shown, printed))
    if not re.search(r"[.e]", a + b):
        return int(a) == int(b)
    digits, _, exponent = a.partition("e")
    last = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    return abs(float(a) - float(b)) <= max(0.01 * abs(float(a)), 1.01 * last, 1e-6)


@by_name(WITH_BLOCKS)
def test_every_block_runs_and_prints_what_is_shown(document: Path, tmp_path: Path) -> None:
    written = list(blocks(document.read_text(encoding="utf-8")))
    wrong = []
    for block, printed in zip(written, played(document, tmp_path), strict=True):
        if block.printed is not None and block.language in ("python", "console"):
            wrong += [f"{document.name}, line {block.line}: {text}" for text in differences(block.printed, printed)]
    assert not wrong, "\n".join(wrong)


# ----------------------------------------------------------------------------------------- blocks that are compared


@by_name(WITH_BLOCKS)
def test_quoted_code_occurs_in_the_source(document: Path) -> None:
    for block in blocks(document.read_text(encoding="utf-8")):
        if block.quoted:
            assert not missing(block.text, (ROOT / block.quoted).read_text(encoding="utf-8")), f"not in {block.quoted}"


def missing(quotation: str, source: str) -> list[str]:
    """The pieces of a quotation (cut where it says ...) that do not occur in the source, indentation aside."""
    lines = [[line.strip() for line in text.splitlines() if line.strip()] for text in (quotation, source)]
    pieces = "\n".join(lines[0][1:]).split("\n...\n")
    return [piece for piece in pieces if f"\n{piece}\n" not in "\n".join(["", *lines[1], ""])]


@by_name(WITH_BLOCKS)
def test_toml_parses_and_whole_configs_pass_the_config_check(document: Path, tmp_path: Path) -> None:
    for block in blocks(document.read_text(encoding="utf-8")):
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        if block.language == "toml" and "model" in tomllib.loads(block.text):
            (tmp_path / "config.toml").write_text(block.text, encoding="utf-8")
            config.load(tmp_path / "config.toml", files=True)


@by_name(DOCUMENTS)
def test_relative_links_lead_to_files_and_headings(document: Path) -> None:
    for link in LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            target = (document.parent / path).resolve() if path else document
            assert target.exists(), f"{link} leads nowhere"
            assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), f"{link}: no such heading"


def anchors(document: str) -> set[str]:
    """What the headings of a document are called in links."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


# -------------------------------------------------------------------------------------- this file's own tools at work

SAMPLE = "# Title\n\n```python\nprint(1.5)\n```\n\n```text\n1.5\n```\n\nWords.\n\n```toml file=a.toml\nx = 1\n```\n"


def test_extractor_finds_blocks_and_what_they_print() -> None:
    assert list(blocks(SAMPLE)) == [
        Block("python", "", "print(1.5)\n", 4, "1.5\n"),
        Block("text", "", "1.5\n", 8),
        Block("toml", "file=a.toml", "x = 1\n", 14),
    ]


def test_documents_have_blocks() -> None:
    languages = [block.language for path in DOCUMENTS for block in blocks(path.read_text(encoding="utf-8"))]
    assert {"python", "text", "toml", "console"} <= set(languages)


@pytest.mark.parametrize("bad", ["1 / 0", "import warnings; warnings.warn('old')", "open('missing')"])
def test_block_that_fails_or_warns_fails(bad: str, tmp_path: Path) -> None:
    (tmp_path / "bad.md").write_text(f"```python\n{bad}\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="line 2"):
        played(tmp_path / "bad.md", tmp_path)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("loss 0.10", "loss 0.13"),
        ("loss 0.1", "cost 0.1"),
        ("(32, 2)", "(31, 2)"),
        ("a\nb", "a"),
        ("a", "a\nb"),
        ("1.0e-3", "2.0e-3"),
    ],
)
def test_comparison_rejects(shown: str, printed: str) -> None:
    assert differences(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("loss 0.10", "loss 0.11"),
        ("[ 1.0  -2.0]", "[1.001 -2.0]"),
        ("0.5 s, loss 2.5", "17 s, loss 2.5"),
        ("2e-9 dense_1", "-3.1e-10 dense_1"),
    ],
)
def test_comparison_accepts(shown: str, printed: str) -> None:
    assert not differences(shown, printed)


def test_quotation_that_differs_is_found() -> None:
    source = "def f():\n    a = 1\n    b = 2\n    c = 3\n"
    assert not missing("# from x.py\na = 1\n...\nc = 3\n", source)
    assert missing("# from x.py\na = 1\nc = 3\n", source)


if __name__ == "__main__":
    try:
        print(json.dumps(play(Path(sys.argv[1]))))
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None
