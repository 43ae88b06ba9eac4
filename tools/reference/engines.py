"""The engines that components were seen to train on, kept in engines.json: the checks that tell take minutes.

Delete the file, in an environment with every engine of bpframe, to ask all components again.
"""

from __future__ import annotations

import json
from pathlib import Path

import bpframe as bp
from bpframe.registry import Provider
from bpframe.testing.laws.exported_training import FORMS

FILE = Path(__file__).with_name("engines.json")


def known() -> dict[str, list[str]]:
    """The names of bpframe's own engines by "kind:name", as far as the file has them."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def seen() -> dict[str, list[str]]:
    """The same for every bundled component but engines: one that the file lacks is checked, and written down."""
    bundled = {f"{p.kind}:{p.name}": p for p in bp.providers() if p.dist == "bpframe" and p.kind != "engine"}
    found = {name: engines for name, engines in known().items() if name in bundled}
    for name, provider in bundled.items():
        if name not in found:
            found[name] = _report(provider)
            _keep(found)
    return found


def _report(provider: Provider) -> list[str]:
    own = [*sorted(engine.name for engine in bp.providers("engine") if engine.dist == "bpframe"), *FORMS]
    return list(bp.testing.check(provider.kind, provider.name, engines=own, collect=True).engines)


def _keep(found: dict[str, list[str]]) -> None:
    """Write the file, a line a component."""
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found))
    FILE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8", newline="\n")
