"""Every command on a plugin that is missing, broken, doubled, blocked or outdated: one message, its exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bpframe as bp
from bpframe.registry import registry
from tests.cli.commands import SMALL, bpframe, good
from tests.planted import plant

LOSS = """
class Loss:
    \"\"\"loss = sum_c (z_c - y_c)^2.\"\"\"
    link = "identity"
    def value_and_delta(self, scores, target):
        return ((scores - target) ** 2).sum(-1), 2 * (scores - target)
"""
NAMES = {  # what a config says, and the words that the message has to have
    "missing": ("faulty-missing/gone", "No installed distribution faulty-missing offers components"),
    "broken": ("faulty-broken/broken", "fails on import: ModuleNotFoundError: No module named 'nothing_at_all'"),
    "doubled": ("twofold", "is provided by 'faulty-one/twofold' (faulty-one 1.0) and 'faulty-two/twofold'"),
    "blocked": ("faulty-blocked/blocked", "is blocked: BPFRAME_PLUGINS denies faulty-blocked"),
    "outdated": ("faulty-old/old", "lacks value_and_delta, which every loss must have"),
}
CODES = {  # by command: the exit code for each state, in the order above
    "train": (2, 6, 6, 6, 6),
    "evaluate": (2, 6, 6, 6, 6),
    "predict": (2, 6, 6, 6, 6),
    "explain": (2, 0, 6, 6, 0),  # which imports nothing
    "sweep": (2, 6, 6, 6, 6),
    "compare": (2, 6, 6, 6, 6),
    "compare --on": (2, 6, 6, 6, 6),
    "trace": (2, 6, 6, 6, 6),
    "export": (2, 6, 6, 6, 6),
    "report": (0, 0, 0, 0, 0),  # which says that the model cannot be loaded
    "plot": (0, 0, 0, 0, 0),  # which, like the next two, reads numbers alone
    "runs": (0, 0, 0, 0, 0),
    "watch": (0, 0, 0, 0, 0),
    "info": (2, 6, 6, 6, 6),
    "check": (2, 6, 6, 6, 6),
    "check DIST": (2, 1, None, 1, 1),
    "docs DIST": (2, 6, None, 6, 6),
    "doctor DIST": (2, 1, 1, 0, 1),
}
DISTS = {
    "missing": "faulty-missing",
    "broken": "faulty-broken",
    "doubled": "faulty-one",
    "blocked": "faulty-blocked",
    "outdated": "faulty-old",
}
ON_RUN: dict[str, list[str]] = {  # commands on a run, and what follows it
    "evaluate": [],
    "predict": ["rows.npz"],
    "trace": [],
    "export": ["-o", "r.py"],
    "report": [],
    "plot": ["-o", "r.svg"],
    "runs": [],
    "watch": [],
}
CASES = [
    (command, state, code)
    for command, codes in CODES.items()
    for state, code in zip(NAMES, codes, strict=True)
    if code is not None
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that ended well."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "small.toml").write_text(SMALL)
    good("train", folder / "small.toml", "--quiet", "--runs", folder, "--name", "r")
    return folder / "r"


@pytest.fixture(autouse=True)
def site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Distributions in each of the states, at the head of the path."""
    place = folder / "site"
    modules = {
        "faulty_broken.py": "import nothing_at_all",
        "faulty_old.py": LOSS.replace("value_and_delta", "value_and_grad"),
        "faulty_sound.py": LOSS,
    }
    plant(place, "faulty-broken", {"bpframe.losses:broken": "faulty_broken:Loss"}, modules)
    for dist in ("faulty-one", "faulty-two"):
        plant(place, dist, {"bpframe.losses:twofold": "faulty_sound:Loss"})
    plant(place, "faulty-blocked", {"bpframe.losses:blocked": "faulty_sound:Loss"})
    plant(place, "faulty-old", {"bpframe.losses:old": "faulty_old:Loss"})
    monkeypatch.setenv("BPFRAME_PLUGINS", "-faulty-blocked")
    monkeypatch.syspath_prepend(place)
    monkeypatch.setattr(registry, "_loaded", dict(registry._loaded))
    bp.refresh()
    yield place
    monkeypatch.undo()
    for name in [name for name in sys.modules if name.startswith("faulty_")]:
        del sys.modules[name]
    bp.refresh()


def words(command: str, state: str, folder: Path, run: Path) -> list[str]:
    """The command line; a config, or the config of a copy of the run, names the loss."""
    name = NAMES[state][0]
    config = SMALL.replace('"softmax_cross_entropy"', f'"{name}"').replace("units = 2", "units = 1")
    (folder / "faulty.toml").write_text(config.replace(', kind = "stratified"', ""))
    if command in ON_RUN:
        (folder / "r").mkdir()
        (folder / "r/config.toml").write_text((folder / "faulty.toml").read_text())
        for file in ("model.safetensors", "history.jsonl", "run.lock.toml"):
            (folder / "r" / file).write_bytes((run / file).read_bytes())
        return [command, "r", *ON_RUN[command]]
    return {
        "train": ["train", "faulty.toml", "--quiet"],
        "explain": ["explain", "faulty.toml"],
        "sweep": ["sweep", "faulty.toml", "--over", "train.batch_size=8,16", "--quiet"],
        "compare": ["compare", f"loss:{name}", "loss:mse", "--workload", "table", "--quiet"],
        "compare --on": ["compare", "sgd", "adam", "--on", "faulty.toml", "--quiet"],
        "info": ["plugins", "info", f"loss:{name}"],
        "check": ["check", f"loss:{name}", "--fast"],
        "check DIST": ["check", DISTS[state], "--fast"],
        "docs DIST": ["docs", DISTS[state]],
        "doctor DIST": ["plugins", "doctor", DISTS[state]],
    }[command]


@pytest.mark.parametrize(("command", "state", "code"), CASES)
def test_each_command_says_what_is_wrong_and_ends_with_its_code(
    command: str, state: str, code: int, folder: Path, run: Path
) -> None:
    result = bpframe(*words(command, state, folder, run))
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    if code and "DIST" not in command:
        said = result.stderr if command != "explain" else " ".join(result.stdout.split())
        assert said.count(NAMES[state][1]) == 1, said
        assert command == "explain" or len(said.strip().splitlines()) == 1, said
    if code and "DIST" in command:
        assert DISTS[state] in result.output


def test_commands_on_all_that_is_installed_work_around_them(folder: Path) -> None:
    listed = good("plugins", "list")
    assert "blocked: BPFRAME_PLUGINS denies faulty-blocked" in listed
    assert "faulty-broken/broken" in good("schema", "-o", "-")
    assert "Stubs written" in good("stubs", "--output", "typings")
    good("check", "loss:mse", "--fast")
    good("train", "small.toml", "--quiet")
    result = bpframe("plugins", "doctor")
    assert result.exit_code == 1
    assert result.stdout.count("faulty-") > 5
