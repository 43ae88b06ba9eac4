"""A Python file with components: checked, trained with, and asked for again by what loads the model."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from bpframe.registry import registry
from bpframe.registry.plugin_files import _FINDER
from bpframe.runs.config import load
from tests.cli.commands import SMALL, bad, good

LOSS = """\
class Cubic:
    \"\"\"loss = sum_c (z_c - y_c)^2 + |z_c - y_c|^3.\"\"\"
    link = "identity"
    def value_and_delta(self, scores, target):
        r = scores - target
        xp = r.__array_namespace__()
        return xp.sum(r * r + xp.abs(r) ** 3, axis=-1), 2 * r + 3 * r * xp.abs(r)
"""
CONFIG = (
    SMALL.replace('"softmax_cross_entropy"', '"cubic"')
    .replace("units = 2", "units = 1")
    .replace(', kind = "stratified"', "")
)
LOCAL = '[plugins]\nlocal = ["rules/my.py"]\n'


@pytest.fixture(autouse=True)
def files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """rules/my.py beside c.toml; what the test declares is forgotten."""
    monkeypatch.setattr(_FINDER, "files", {})
    monkeypatch.setattr(registry, "_local", {})
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    (folder / "rules").mkdir()
    (folder / "rules/my.py").write_text(LOSS)
    (folder / "c.toml").write_text(CONFIG + LOCAL)
    (folder / "bare.toml").write_text(CONFIG)
    return folder


def forget() -> None:
    """What another process would not know."""
    _FINDER.files.clear()
    registry._local.clear()


@pytest.mark.parametrize("words", [("c.toml",), ("bare.toml", "--plugin", "rules/my.py")])
def test_a_run_with_a_file_is_measured_again_with_the_file_alone(words: tuple[str, ...], folder: Path) -> None:
    good("train", *words, "--quiet", "--name", "r")
    forget()
    told = bad(2, "evaluate", "runs/r")
    assert "no loss named 'local/cubic'" in told
    assert "--plugin FILE" in told
    assert "test loss" in good("evaluate", "runs/r", "--plugin", "rules/my.py")
    assert good("export", "runs/r", "-o", f"{words[0]}.onnx", "--plugin", "rules/my.py")


def test_no_file_of_a_run_names_the_file(folder: Path) -> None:
    good("train", "c.toml", "--quiet", "--name", "r", "--resume", "auto")
    names = {path.name for path in (folder / "runs/r").rglob("*") if path.is_file()}
    assert {"config.toml", "run.lock.toml", "model.safetensors"} <= names
    holders = [path for path in (folder / "runs").rglob("*") if path.is_file() and b"my.py" in path.read_bytes()]
    assert holders == []


def test_the_lock_has_the_digest_and_says_that_it_is_not_portable(folder: Path) -> None:
    good("train", "c.toml", "--quiet", "--name", "r")
    lock = tomllib.loads((folder / "runs/r/run.lock.toml").read_text())
    local = next(each for each in lock["distributions"] if each["name"] == "local")
    loss = next(each for each in lock["components"] if each["path"] == "loss")
    assert (local["portable"], local["origin"]) == (False, "file")
    assert loss["version"] == loss["hash"] == local["code"]
    assert "file, not portable" in good("explain", "c.toml")


def test_frozen_and_loading_compare_the_digests(folder: Path) -> None:
    good("train", "c.toml", "--quiet", "--name", "r")
    good("train", "c.toml", "--quiet", "--frozen", "runs/r", "--name", "again")
    marker = folder / "ran"
    (folder / "rules/my.py").write_text(f"{LOSS}\nopen({str(marker)!r}, 'w').close()\n")
    told = bad(6, "train", "c.toml", "--quiet", "--frozen", "runs/r")
    assert "the file of loss local/cubic has changed" in told
    assert "Give the plugin file that the lock was made with: --plugin FILE" in told
    assert not marker.exists(), "other code than that of the lock ran"
    with pytest.warns(UserWarning, match="may predict otherwise than it did: loss 'local/cubic' sha256=.* then"):
        good("evaluate", "runs/r", "--plugin", "rules/my.py")


def test_explain_reads_the_file_and_does_not_run_it(folder: Path) -> None:
    (folder / "rules/my.py").write_text("raise SystemExit(9)\n" + LOSS)
    found = json.loads(good("explain", "c.toml", "--json"))
    assert [each["name"] for each in found["components"] if each["path"] == "loss"] == ["local/cubic"]
    assert found["problems"] == {}


@pytest.mark.parametrize("name", ["../my.py", "rules/../../my.py", "/etc/my.py", "C:/my.py", "rules\\\\my.py", ""])
def test_a_config_names_files_below_its_own_folder_alone(name: str, folder: Path) -> None:
    (folder / "c.toml").write_text(CONFIG + LOCAL.replace("rules/my.py", name))
    told = bad(2, "train", "c.toml")
    assert told.startswith("c.toml:12: plugins.local[0]: wants a file below the config's own folder")


def test_a_link_that_leads_out_of_the_folder_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "my.py").write_text(LOSS)
    (folder / "rules/out.py").symlink_to(outside / "my.py")
    (folder / "linked").symlink_to(outside)
    for name in ("rules/out.py", "linked/my.py"):
        (folder / "c.toml").write_text(CONFIG + LOCAL.replace("rules/my.py", name))
        assert "a link leads out of it" in bad(2, "train", "c.toml")


def test_the_config_of_a_run_which_anybody_may_have_made_names_no_file(folder: Path) -> None:
    good("train", "c.toml", "--quiet", "--name", "r")
    (folder / "runs/r/evil.py").write_text("raise SystemExit('ran')\n" + LOSS)
    config = (folder / "runs/r/config.toml").read_text()
    (folder / "runs/r/config.toml").write_text(config.replace("[plugins]\n", '[plugins]\nlocal = ["evil.py"]\n'))
    forget()
    export = ("export", "runs/r", "-o", "model.onnx")
    for words in (("evaluate", "runs/r"), ("predict", "runs/r", "rows.npz"), ("explain", "runs/r"), export):
        assert "the files of a config are taken only where it is trained, got evil.py" in bad(2, *words)


@pytest.mark.parametrize(
    ("variable", "words"), [("off", ()), ("bpframe-x", ()), ("-local", ()), ("all", ("--no-plugins",))]
)
def test_who_forbids_plugins_forbids_files(
    variable: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BPFRAME_PLUGINS", variable)
    assert "The plugin file rules/my.py is blocked" in bad(6, "train", "c.toml", *words)
    assert "is blocked" in bad(6, "train", "bare.toml", "--plugin", "rules/my.py", *words)


def test_what_goes_on_with_a_run_gives_the_file_again(folder: Path) -> None:
    from bpframe.cli.train_options import TrainOptions
    from bpframe.runs.folder import RunFolder

    load(folder / "c.toml", files=True)
    options = TrainOptions.of(
        None,
        settings=(),
        name=None,
        runs=Path("runs"),
        new_data=False,
        quiet=True,
        no_plugins=False,
        no_cache=False,
        epochs=None,
        engine=None,
        start=None,
    )
    command = options.command(RunFolder(Path("runs/c")), "--resume", "auto")
    assert command == f"bpframe train runs/c/config.toml --resume auto --plugin {folder}/rules/my.py"


def test_check_takes_a_file_or_a_class_of_it(folder: Path) -> None:
    for target in ("rules/my.py", "rules/my.py:Cubic", "rules/my.py:cubic"):
        assert "loss:local/cubic" in good("check", target, "--engine", "numpy", "--no-pairs")
    assert "has no component Cubik. It has: Cubic." in bad(2, "check", "rules/my.py:Cubik")
    (folder / "rules/my.py").write_text(LOSS.replace("3 * r", "3.1 * r"))
    assert "fails gradient" in good_output(folder)


def good_output(folder: Path) -> str:
    from tests.cli.commands import bpframe

    result = bpframe("check", "rules/my.py", "--engine", "numpy", "--no-pairs")
    assert result.exit_code == 1
    return result.stdout
