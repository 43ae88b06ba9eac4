"""`bpframe plugins doctor` names each fault that is planted, and finds none in a sound distribution."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bpframe as bp
from bpframe.cli.doctor.requirements import satisfies, unmet
from bpframe.registry.process_state import READ, process_state, state_changes
from tests.cli.commands import bad, bpframe
from tests.planted import plant

LOSS = """
class Loss:
    link = "identity"
    def value_and_delta(self, scores, target):
        return ((scores - target) ** 2).sum(-1), 2 * (scores - target)
"""
OPTIMIZER = (
    "class Rule:\n    scope = 'element'\n    def init(self, p): ...\n    def update(self, p, g, state, h): ...\n"
)
REQUIRES = "Requires-Dist: bpframe\n"
SOUND = {"bpframe.losses:sound": "sound:Loss"}

# By the name of the fault: the text of a module whose import does it.
IMPORTS = {
    "broken import": "import nothing_of_that_name",
    "exit on import": "raise SystemExit(3)",
    "crash": "import os; os.kill(os.getpid(), 11)",
    "changes NumPy's global generator": "import numpy; numpy.random.seed(3)",
    "changes the generator of `random`": "import random; random.seed(3)",
    "changes environment variables": "import os; os.environ['OMP_NUM_THREADS'] = '1'",
    "changes working folder": "import os; os.chdir('/')",
    "changes filters of warnings": "import warnings; warnings.simplefilter('ignore')",
    "changes sys.path": "import sys; sys.path.append('/nowhere/near')",
    "changes import hooks": "import sys; sys.meta_path.append(type('F', (), {'find_spec': lambda *a: None})())",
    "changes signal handlers": "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN)",
    "changes NumPy's floating-point errors": "import numpy; numpy.seterr(all='raise')",
    "changes NumPy's print options": "import numpy; numpy.set_printoptions(precision=2)",
    "changes functions of NumPy": "import numpy; numpy.dot = lambda a, b: a",
    "changes builtins": "import builtins; builtins.thing = 3",
    "changes logging": "import logging; logging.basicConfig(level=10)",
    "changes hooks of sys": "import sys; sys.excepthook = print",
    "changes tracing": "import sys; sys.setprofile(lambda *a: None)",
    "changes recursion limit": "import sys; sys.setrecursionlimit(5000)",
    "changes garbage collection": "import gc; gc.disable()",
    "changes precision of decimal": "import decimal; decimal.getcontext().prec = 5",
    "changes file mode mask": "import os; os.umask(0o011)",
    "leaves functions at exit": "import atexit; atexit.register(print)",
    "leaves threads": "import threading, time; threading.Thread(target=time.sleep, args=(99,), daemon=True).start()",
    "leaves child processes": "import subprocess, sys; child = subprocess.Popen(['sleep', '3'])",
    "leaves open files": "left = open(__file__)",
    "prints": "print('hello')",
    "warns": "import warnings; warnings.warn('old', DeprecationWarning)",
    "heavy modules": "import heavy_package",
    "slow import": "import time\nend = time.process_time() + 1.2\nwhile time.process_time() < end: pass",
    "memory": "block = bytearray(150 * 2**20); block[::4096] = b'x' * len(block[::4096])",
}
NOTES = {"leaves functions at exit", "warns", "heavy modules", "slow import", "memory"}
KINDS = {  # by the name of the fault: an entry point, its target, and the text of its module
    "wrong kind": ("bpframe.losses:rule", "wrong_kind:Rule", OPTIMIZER),
    "no component": ("bpframe.losses:number", "no_component:NUMBER", "NUMBER = 3"),
    "malformed entry point": ("bpframe.losses:malformed", "malformed", ""),
    "entry point without module": ("bpframe.losses:nowhere", "nowhere_at_all:Loss", ""),
    "entry point without target": ("bpframe.losses:renamed", "renamed:Loss", "class Lost: ..."),
}


def examined(*words: str) -> dict[str, dict[str, Any]]:
    """What the doctor says of each distribution."""
    result = bpframe("plugins", "doctor", "--json", *words)
    assert result.exit_code in (0, 1), result.output
    return {each["distribution"]: each for each in json.loads(result.stdout)["distributions"]}


def faults(one: dict[str, Any], *, serious: bool = True) -> set[str]:
    return {finding["name"] for finding in one["findings"] if finding["serious"] is serious}


@pytest.fixture
def site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of distributions at the head of the path, with a sound one."""
    place = folder / "site"
    plant(place, "sound", SOUND, {"sound.py": LOSS}, metadata=REQUIRES)
    monkeypatch.syspath_prepend(place)
    bp.refresh()
    yield place
    monkeypatch.undo()
    bp.refresh()


def test_every_fault_of_an_import_is_named_and_ends_no_other(site: Path) -> None:
    heavy = {f"heavy_package/m{i}.py": "" for i in range(60)}
    heavy["heavy_package/__init__.py"] = "".join(f"import heavy_package.m{i}\n" for i in range(60))
    modules = {f"fault_{i}.py": text + LOSS for i, text in enumerate(IMPORTS.values())}
    points = {f"bpframe.losses:fault_{i}": f"fault_{i}:Loss" for i in range(len(IMPORTS))}
    plant(site, "sick", points, {**modules, **heavy}, metadata=REQUIRES)
    bp.refresh()
    found = examined("sick", "sound")
    for i, name in enumerate(IMPORTS):
        own = [f for f in found["sick"]["findings"] if f"'fault_{i}'" in f["text"]]
        assert [f["name"] for f in own] == [name], (name, own)
        assert own[0]["serious"] == (name not in NOTES)
        assert own[0]["remedy"]
    assert found["sound"]["findings"] == []
    assert found["sound"]["imports"][0]["error"] == ""
    assert "sick" not in " ".join(sys.modules)


def test_an_import_that_never_ends_is_given_up(site: Path) -> None:
    text = "import time\nwhile True: time.sleep(0.1)\n" + LOSS
    points = {"bpframe.losses:endless": "endless:Loss", "bpframe.losses:next": "sound:Loss"}
    plant(site, "sick", points, {"endless.py": text}, metadata=REQUIRES)
    bp.refresh()
    one = examined("sick", "--seconds", "4")["sick"]
    assert [finding["name"] for finding in one["findings"]] == ["endless import"]
    assert "it is not over after 4 s" in one["findings"][0]["text"]
    assert [record.get("error") for record in one["imports"]] == [None, ""]


@pytest.mark.parametrize("name", KINDS)
def test_an_entry_point_that_gives_no_component_of_its_kind_is_named(name: str, site: Path) -> None:
    point, target, text = KINDS[name]
    plant(site, "odd", {point: target}, {f"{target.partition(':')[0]}.py": text} if text else {}, metadata=REQUIRES)
    bp.refresh()
    (finding,) = examined("odd")["odd"]["findings"]
    assert (finding["name"], finding["serious"]) == (name, True)
    if name == "wrong kind":
        assert "lacks value_and_delta, which every loss must have; it has what an optimizer has" in finding["text"]


def test_faults_of_metadata_are_named(site: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = folder / "old"
    plant(old, "stale", {"bpframe.losses:stale": "stale:Loss"}, version="0.9")
    plant(site, "stale", {"bpframe.losses:stale": "stale:Loss"}, {"stale.py": LOSS}, metadata=REQUIRES)
    for version in ("1.0", "2.0"):
        plant(site, "doubled", {"bpframe.losses:doubled": "stale:Loss"}, version=version, metadata=REQUIRES)
    misspelt = {"bpframe.loses:misspelt": "stale:Loss", "bpframe.losses:a/b": "stale:Loss"}
    plant(site, "misspelt", misspelt, metadata=REQUIRES)
    plant(site, "hiding", {"bpframe.losses:huber": "stale:Loss"}, metadata=REQUIRES)
    for twin in ("twin-a", "twin-b"):
        plant(site, twin, {"bpframe.losses:twin": "stale:Loss"}, metadata=REQUIRES)
    plant(site, "impostor", {"bpframe.losses:x": "stale:Loss"}).rename(site / "other-1.0.dist-info")
    (plant(site, "nameless", {"bpframe.losses:y": "stale:Loss"}) / "METADATA").write_text("Version: 1.0\n")
    (plant(site, "garbled", {"bpframe.losses:z": "stale:Loss"}) / "entry_points.txt").write_text("no section = x\n")
    needs = 'Requires-Dist: bpframe>=99\nRequires-Dist: numpy<1\nRequires-Dist: nobody-has-it; extra == "x"\n'
    needs += "Requires-Dist: nobody-has-this\nRequires-Python: >=4\n"
    plant(site, "needy", {"bpframe.losses:needy": "stale:Loss"}, metadata=needs)
    plant(site, "silent", {"bpframe.losses:silent": "stale:Loss"})
    private = "from bpframe.network.network import Network\nfrom bpframe.plugin import ops\n"
    peeping = {"peeping.py": private + LOSS}
    plant(site, "peeping", {"bpframe.losses:peeping": "peeping:Loss"}, peeping, metadata=REQUIRES)
    record = plant(site, "torn", {"bpframe.losses:torn": "torn:Loss"}, {"torn.py": LOSS}, metadata=REQUIRES) / "RECORD"
    record.write_text("torn.py,sha256=AAAA,9\ngone.py,sha256=AAAA,9\nshort\n")
    monkeypatch.syspath_prepend(site)
    sys.path.append(str(old))
    monkeypatch.setenv("BPFRAME_PLUGINS", "-silent,-mispelt")
    bp.refresh()
    try:
        found = examined()
    finally:
        sys.path.remove(str(old))
    by_dist = {title.partition(" in ")[0].rpartition("/")[2]: one for title, one in found.items()}
    named = {dist: (faults(one), faults(one, serious=False)) for dist, one in by_dist.items()}
    assert named["stale"] == ({"stale copy"}, set())
    assert named["doubled"] == ({"doubled metadata"}, set())
    assert named["misspelt"] == ({"unknown group", "impossible name"}, set())
    assert named["hiding"] == ({"hidden name"}, set())
    assert named["twin-a"] == named["twin-b"] == ({"clashing name"}, set())
    assert named["other"] == ({"name of another"}, set())
    assert named["nameless"] == ({"no name"}, set())
    assert named["garbled"] == ({"damaged metadata"}, set())
    needy = {"unmet version of bpframe", "unmet requirement", "unmet version of Python"}
    assert named["needy"] == (needy, set())
    assert sum(f["name"] == "unmet requirement" for f in by_dist["needy"]["findings"]) == 2
    assert named["silent"] == (set(), {"no requirement of bpframe", "blocked"})
    assert by_dist["silent"]["imports"] == []
    assert named["peeping"] == (set(), {"private imports"})
    assert named["torn"] == ({"missing files"}, {"changed files"})
    assert named["sound"] == (set(), set())
    assert "BPFRAME_PLUGINS denies mispelt" in bpframe("plugins", "doctor", "sound").stdout


def test_what_is_edited_elsewhere_is_compared_with_its_project(site: Path, folder: Path) -> None:
    source = folder / "source"
    source.mkdir()
    info = plant(site, "edited", {"bpframe.losses:edited": "edited:Loss"}, {"edited.py": LOSS}, metadata=REQUIRES)
    (info / "direct_url.json").write_text(json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}}))
    project = '[project]\nname = "edited"\nversion = "1.1"\n[project.entry-points."bpframe.losses"]\n'
    (source / "pyproject.toml").write_text(f'{project}edited = "edited:Loss"\nfurther = "edited:Further"\n')
    bp.refresh()
    one = examined("edited")["edited"]
    assert (faults(one), faults(one, serious=False)) == ({"stale entry points"}, {"stale version"})
    assert any("says otherwise of loss 'further'" in finding["text"] for finding in one["findings"])
    (source / "pyproject.toml").unlink()
    source.rmdir()
    assert faults(examined("edited")["edited"]) == {"source folder gone"}


def test_lines_say_who_what_and_what_helps_and_faults_make_the_exit_code(site: Path) -> None:
    result = bpframe("plugins", "doctor")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("distribution  version  components  CPU s  MB  faults  notes\nsound ")
    assert result.stdout.endswith("\n1 distribution, 0 faults\n")
    plant(site, "prints", {"bpframe.losses:prints": "prints:Loss"}, {"prints.py": "print(3)" + LOSS}, metadata=REQUIRES)
    bp.refresh()
    result = bpframe("plugins", "doctor", "prints")
    assert result.exit_code == 1
    assert "  ! prints: importing loss 'prints' (prints:Loss) prints 2 bytes. Do it in a function," in result.stdout


def test_a_distribution_that_is_not_there_ends_with_2(site: Path) -> None:
    told = bad(2, "plugins", "doctor", "nobody")
    assert "plugins doctor needs a distribution with components, got 'nobody'. There: bpframe, sound." in told


@pytest.mark.parametrize(
    ("installed", "clauses", "kept"),
    [
        ("1.2.3", ">=1.2,<2", True),
        ("1.2", "==1.2.0", True),
        ("2.0", "<2", False),
        ("1.4.9", "~=1.4.2", True),
        ("1.5.0", "~=1.4.2", False),
        ("1.4.1", "==1.4.*", True),
        ("1.5", "!=1.5.*", False),
        ("10.0", ">9", True),
        ("1.0", "===1.0.0", False),
        ("3.0rc1", ">=3", True),
        ("1", "", True),
    ],
)
def test_versions_are_compared_as_releases(installed: str, clauses: str, kept: bool) -> None:
    assert satisfies(installed, clauses) is kept


def test_a_requirement_for_elsewhere_is_not_asked_for() -> None:
    assert unmet('nobody-has-this; extra == "test"') is None
    assert unmet('nobody-has-this; python_version < "3"') is None
    assert unmet('nobody-has-this; sys_platform == "vms"') is None
    assert unmet('nobody-has-this[a,b]>=3 ; python_version >= "3.11"') == "no nobody-has-this"
    assert unmet("nobody-has-this @ https://example.org/x.whl") == "no nobody-has-this"
    assert unmet("numpy (<1)") == f"numpy {__import__('numpy').__version__}"


def test_reading_the_state_changes_nothing_and_time_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    before = process_state()
    time.sleep(0.01)
    assert state_changes(before, process_state()) == []
    assert set(before) == set(READ)
    monkeypatch.setitem(os.environ, "SOME_VARIABLE", "1")
    assert state_changes(before, process_state()) == [("environment variables", "SOME_VARIABLE")]
