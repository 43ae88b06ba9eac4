"""`bpframe explain` and `bpframe train --frozen`: what is told and refused, and that no plugin runs before."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from bpframe.cli.explanation import explain_target, explanation_lines
from bpframe.runs.lock import lock
from bpframe.saving import tensor_file
from tests.configs import config_text
from tests.conftest import Site, fresh_python

CONFIG = config_text(
    '[optimizer]\nname = "adam"\n[train]\nepochs = 1\n', loss='{ name = "LOSS" }', source="noisy_sine", outputs=1
)
LOADED = """
import atexit, sys
def told():
    foreign = ("jax", "scipy", "sklearn", "pandas", "markdown_it")
    found = [name for name in sys.modules if name.startswith(("bpframe_", "sample_")) or name in foreign]
    print("loaded:", *sorted(found), file=sys.stderr)
atexit.register(told)
"""


@dataclass(frozen=True)
class Place:
    """A folder to run commands in, where the distributions of a site can be found."""

    path: Path
    site: Path

    def write(self, loss: str, more: str = "", name: str = "small.toml") -> None:
        """A config with this loss."""
        (self.path / name).write_text(CONFIG.replace("LOSS", loss) + more)

    def run(self, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
        """What the command prints; the last line of stderr tells which modules were loaded."""
        code = f"{LOADED}\nfrom bpframe.cli import main\nmain()"
        return fresh_python(["-c", code, *words], self.path, self.site, **variables)

    def good(self, *words: object, **variables: str) -> str:
        """What the command prints; it must end well."""
        done = self.run(*words, **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def bad(self, exit_code: int, *words: object, **variables: str) -> str:
        """What the command says on stderr; it must end with this code."""
        done = self.run(*words, **variables)
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done.stderr


@pytest.fixture
def place(tmp_path: Path, site: Site) -> Place:
    """A folder of its own, with the site that all tests share."""
    return Place(tmp_path, site.path)


@pytest.fixture
def own_site(tmp_path: Path, site: Site) -> Place:
    """A folder of its own, with a copy of the site that may be changed."""
    shutil.copytree(site.path, tmp_path / "site")
    (tmp_path / "work").mkdir()
    return Place(tmp_path / "work", tmp_path / "site")


# ------------------------------------------------------------------------------------------------------------- explain


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("broken", "sample-broken/broken"),
        ("exits", "sample-exits/exits"),
        ("quartic", "sample-loss/quartic"),
        ("pseudo_huber", "bpframe-example/pseudo_huber"),
        ("huber", "bpframe/huber"),
    ],
)
def test_no_plugin_is_imported_to_explain_even_one_whose_import_would_fail(
    place: Place, loss: str, expected: str
) -> None:
    place.write(loss)
    done = place.run("explain", "small.toml")
    assert (done.returncode, done.stderr) == (0, "loaded:\n")
    assert expected in done.stdout


def test_each_component_is_told_with_its_provider_and_arguments_defaults_too(place: Place) -> None:
    place.write("quartic")
    shown = [" ".join(line.split()) for line in place.good("explain", "small.toml").splitlines()]
    assert "loss sample-loss/quartic scale=1.0" in shown
    assert "model.layers[0] bpframe/dense units=4, bias=true" in shown
    assert "activation bpframe/tanh" in shown
    assert "weight_initializer bpframe/glorot_uniform" in shown
    assert 'optimizer bpframe/adam lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08, flavor="paper"' in shown
    (dist,) = (line for line in shown if line.startswith("sample-loss "))
    assert dist.startswith("sample-loss 1.2.3 folder; code sha256=")


def test_arguments_given_on_the_command_line_are_explained(place: Place) -> None:
    place.write("quartic")
    shown = place.good("explain", "small.toml", "--set", "loss.scale=2", "--set", "optimizer=sgd")
    assert "scale=2.0" in shown
    assert "bpframe/sgd" in shown
    told = place.bad(2, "explain", "small.toml", "--set", "train.epochs.x=1")
    assert told.startswith("--set train.epochs.x: wants a setting, but what it goes through is 1")


def test_verbose_adds_target_file_and_digest_of_each_component_once(place: Place) -> None:
    place.write("quartic")
    shown = place.good("explain", "small.toml", "-v")
    assert f"sample_loss:Quartic\n  {place.site / 'sample_loss.py'}:4\n  sha256=" in shown
    assert shown.count("bpframe_layers.dense:Dense\n") == 1


def test_json_holds_the_lock_that_training_would_write(place: Place) -> None:
    place.write("quartic")
    found = json.loads(place.good("explain", "small.toml", "--json"))
    place.good("train", "small.toml", "--quiet")
    held = lock.read_lock(place.path / "runs" / "small")
    assert held.pop("data")["training"]["rows"] > 0  # read by training alone
    assert {key: found[key] for key in held} == held
    assert (found["problems"], found["lock"], found["differences"]) == ({}, None, [])


@pytest.mark.parametrize(
    ("loss", "more", "exit_code", "words"),
    [
        ("no_such", "", 2, "loss: no loss named 'no_such'."),
        ("twin", "", 6, "loss: loss 'twin' is provided by"),
        ("quartic", '[plugins]\ndeny = ["sample-loss"]\n', 6, "is blocked: [plugins] of small.toml denies sample-loss"),
        ("quartic", "[plugins]\nallow = []\n", 6, "is blocked: [plugins] of small.toml allows no third-party plugins"),
    ],
)
def test_a_name_that_cannot_be_resolved_is_told_among_the_others(
    place: Place, loss: str, more: str, exit_code: int, words: str
) -> None:
    place.write(loss, more)
    done = place.run("explain", "small.toml")
    assert done.returncode == exit_code
    assert words in done.stdout
    assert "cannot be found" in done.stdout
    assert "bpframe/adam" in done.stdout
    assert done.stderr == "loaded:\n"


def test_a_wrong_table_of_plugins_is_a_config_error(place: Place) -> None:
    place.write("quartic", "[plugins]\nallow = 3\n")
    assert "plugins.allow: wants" in place.bad(2, "explain", "small.toml")


def test_what_a_config_leaves_out_or_has_wrong_does_not_end_the_explanation(place: Place) -> None:
    (place.path / "odd.toml").write_text("model = 3\ntrain = []\ngroups = 1\nloss = 5\nmetrics = [{}]\n")
    done = place.run("explain", "odd.toml")
    assert done.returncode == 2
    assert "bpframe/sgd" in done.stdout
    assert "no loss named" in done.stdout


def test_defaults_that_only_an_import_would_tell_are_marked(own_site: Place) -> None:
    with (own_site.site / "sample_loss.py").open("a") as file:
        file.write("\nQuartic = type('Quartic', (Quartic,), {})\n")
    text = (own_site.site / "sample_loss.py").read_text().replace("scale: float = 1.0", "scale: float = float(1)")
    (own_site.site / "sample_loss.py").write_text(text)
    own_site.write("quartic")
    shown = [line.split() for line in own_site.good("explain", "small.toml").splitlines()]
    assert ["loss", "sample-loss/quartic", "..."] in shown


@pytest.mark.parametrize("verbose", [False, True])
def test_an_explanation_fits_80_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verbose: bool) -> None:
    monkeypatch.chdir(tmp_path)
    example = Path(__file__).parents[2] / "docs" / "examples" / "digits.toml"
    (tmp_path / "digits.toml").write_text(example.read_text())
    (tmp_path / "digits.lock.toml").write_text("[machine]\ncpu = 'other'\n[[components]]\npath = 'loss'\n")
    found = explain_target(Path("digits.toml"), [])
    shown = [click.unstyle(line) for line in explanation_lines(found, 80, verbose)]
    assert len(found.differences) > 10
    paths = [line for line in shown if line.startswith("  /")]  # not broken, so that terminals make links of them
    assert bool(paths) == verbose
    assert max(len(line) for line in shown if line not in paths) <= 80
    assert not [line for line in shown if line != line.rstrip()]


# ------------------------------------------------------------------------------------------------------ a run, changed


def changed(place: Place) -> Path:
    """The plugin's file with another letter in its code, which notes on import that it ran."""
    file = place.site / "sample_loss.py"
    file.write_text(file.read_text() + f"\nopen({str(place.path / 'imported')!r}, 'w').close()\n")
    return place.path / "imported"


def test_a_run_is_explained_with_what_differs_from_its_lock(own_site: Place) -> None:
    own_site.write("quartic")
    own_site.good("train", "small.toml", "--quiet")
    assert "Nothing differs from runs/small/run.lock.toml.\n" in own_site.good("explain", "runs/small")
    trace = changed(own_site)
    shown = own_site.good("explain", "runs/small")
    assert "! loss: the file of loss sample-loss/quartic has changed\n" in shown
    assert "! sample-loss 1.2.3: its code has changed\n" in shown
    assert not trace.exists()
    (own_site.path / "runs/small/run.lock.toml").unlink()
    assert "iffer" not in own_site.good("explain", "runs/small")


def test_a_plugin_that_is_gone_is_told(own_site: Place) -> None:
    own_site.write("quartic")
    own_site.good("train", "small.toml", "--quiet")
    for path in own_site.site.glob("*ample_*oss*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = own_site.run("explain", "runs/small")
    assert done.returncode == 2
    assert "! loss: loss sample-loss/quartic in the lock, which cannot be found now\n" in done.stdout
    assert "! sample-loss: 1.2.3 in the lock, nothing now\n" in done.stdout
    told = own_site.bad(6, "train", "small.toml", "--quiet", "--frozen", "runs/small")
    assert "pip install 'sample-loss==1.2.3'" in told


# -------------------------------------------------------------------------------------------------------------- frozen


def test_frozen_trains_where_nothing_differs_and_gives_the_same_bits(own_site: Place) -> None:
    own_site.write("quartic")
    own_site.good("train", "small.toml", "--quiet", "--name", "one")
    own_site.good("train", "small.toml", "--quiet", "--name", "two", "--frozen", "runs/one")
    own_site.good("train", "small.toml", "--quiet", "--name", "three", "--frozen", "runs/one/run.lock.toml")
    own_site.good("train", "runs/one/config.toml", "--quiet", "--name", "four", "--frozen")
    shutil.copy(own_site.path / "runs/one/run.lock.toml", own_site.path / "small.lock.toml")
    own_site.good("train", "small.toml", "--quiet", "--name", "five", "--frozen")
    for name in ("two", "three", "four", "five"):
        for key, value in model(own_site, "one").items():
            assert value.tobytes() == model(own_site, name)[key].tobytes()


def model(place: Place, name: str) -> dict[str, Any]:
    """The arrays of a run's model."""
    return dict(tensor_file.read_tensors(place.path / "runs" / name / "model.safetensors")[0])


def test_frozen_refuses_changed_code_before_it_runs(own_site: Place) -> None:
    own_site.write("quartic")
    own_site.good("train", "small.toml", "--quiet")
    trace = changed(own_site)
    told = own_site.bad(6, "train", "small.toml", "--quiet", "--frozen", "runs/small", "--name", "next")
    assert "--frozen needs what runs/small/run.lock.toml holds, but there are differences:\n" in told
    assert "  loss: the file of loss sample-loss/quartic has changed.\n" in told
    assert "  sample-loss 1.2.3: its code has changed. Reinstall sample-loss.\n" in told
    assert told.endswith("loaded:\n")
    assert not trace.exists()
    assert not (own_site.path / "runs/next").exists()
    own_site.good("train", "small.toml", "--quiet", "--name", "next")
    assert trace.exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Place:
    """A folder with a run that must not be changed."""
    place = Place(tmp_path_factory.mktemp("trained"), site.path)
    place.write("quartic")
    place.good("train", "small.toml", "--quiet")
    return place


@pytest.mark.parametrize(
    ("words", "exit_code", "told"),
    [
        (["--set", "optimizer.beta1=0.8"], 2, "optimizer.beta1: 0.9 in the lock, 0.8 now."),
        (["--set", "loss.scale=2"], 2, "loss.scale: 1.0 in the lock, 2.0 now."),
        (["--engine", "jax"], 6, "train.engine: engine bpframe/numpy in the lock, engine bpframe/jax now."),
        (["--set", "optimizer=sgd"], 6, "optimizer: optimizer bpframe/adam in the lock, optimizer bpframe/sgd now."),
        (["--no-plugins"], 6, "loss: loss sample-loss/quartic in the lock, which cannot be found now. Install it:"),
    ],
)
def test_frozen_refuses_other_settings(trained: Place, words: list[str], exit_code: int, told: str) -> None:
    done = trained.bad(exit_code, "train", "small.toml", "--quiet", "--frozen", "runs/small", *words)
    assert f"  {told}" in done
    assert done.endswith("loaded:\n")
    assert [path.name for path in (trained.path / "runs").iterdir()] == ["small"]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("threads", "threads of BLAS: 99 in the lock, {} now. Set OPENBLAS_NUM_THREADS=99."),
        ("kernel", "kernel of BLAS: 99 in the lock, {} now."),
        ("cpu", "CPU: 99 in the lock, {} now."),
        ("numpy", "NumPy: 99 in the lock, {} now. Install that version: pip install 'numpy==99'."),
        ("python", "Python: 99 in the lock, {} now. Use Python 99."),
    ],
)
def test_frozen_refuses_another_machine_and_other_versions(trained: Place, key: str, told: str) -> None:
    text = (trained.path / "runs/small/run.lock.toml").read_text()
    (now,) = re.findall(rf"^{key} = (.+)$", text, re.MULTILINE)
    (trained.path / "other.lock.toml").write_text(text.replace(f"\n{key} = {now}", f"\n{key} = '99'"))
    done = trained.bad(2, "train", "small.toml", "--quiet", "--frozen", "other.lock.toml")
    assert told.format(now.strip('"')) in done
    assert [path.name for path in (trained.path / "runs").iterdir()] == ["small"]


def test_an_argument_that_only_an_import_tells_is_compared_after_it(own_site: Place) -> None:
    file = own_site.site / "sample_loss.py"
    file.write_text(file.read_text().replace("scale: float = 1.0", "scale: float = float(1)"))
    own_site.write("quartic")
    own_site.good("train", "small.toml", "--quiet")
    own_site.good("train", "small.toml", "--quiet", "--frozen", "runs/small")
    file = own_site.path / "runs/small/run.lock.toml"
    file.write_text(file.read_text().replace("scale = 1.0", "scale = 3.0"))
    told = own_site.bad(2, "train", "small.toml", "--quiet", "--frozen", "runs/small")
    assert "  loss.scale: 3.0 in the lock, 1.0 now.\n" in told
    assert "sample_loss" in told.splitlines()[-1]


def test_frozen_without_a_lock_says_how_to_get_one(place: Place) -> None:
    place.write("mse")
    told = place.bad(2, "train", "small.toml", "--frozen")
    assert "--frozen needs a lock, but there is no small.lock.toml." in told
    assert "--frozen runs/small" in told
    assert "needs to be a readable file" in place.bad(2, "train", "small.toml", "--frozen", "runs/none")
    assert not (place.path / "runs").exists()


def test_frozen_with_resume_means_the_lock_of_the_run_to_go_on_with(place: Place) -> None:
    place.write("mse")
    words = ["train", "small.toml", "--quiet", "--name", "mine", "--resume", "auto", "--frozen"]
    place.good(*words)  # nothing to go on with, so nothing to compare
    place.good(*words)
    file = place.path / "runs/mine/run.lock.toml"
    file.write_text(re.sub(r"\nthreads = \d+", "\nthreads = 99", file.read_text()))
    told = place.bad(2, *words)
    assert "runs/mine/run.lock.toml holds" in told
    assert "threads of BLAS: 99 in the lock" in told
