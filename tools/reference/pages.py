"""Every file of docs/reference: its pages and plots by path.

One page a kind of component with all of bpframe's own and pictures of them, one with all components at a glance, and
one page each for the Python API, the config file, the estimators, the protocols, h, the array functions, the data sets,
the checks and what components tell them, and the hooks. Files depend on the code alone: no date, no version.
"""

from __future__ import annotations

from pathlib import Path

from bpframe.registry import KINDS
from tools.reference import components, config, engines, kit, modules

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
NOTE = "<!-- Written by python -m tools.reference: change the docstrings, then run it again. -->"


def files(trained: dict[str, list[str]]) -> dict[str, str]:
    """Every file of the reference by its path in docs/reference; `trained` has the engines of each component."""
    plots = components.plots()
    pages = {kind.plural: components.kind_page(kind, plots) for kind in KINDS.values() if components.own(kind)}
    pages |= {"components": components.components_page(trained), "api": modules.api_page()}
    pages |= {"config": config.config_page(), "sklearn": modules.estimators_page()}
    pages |= {"protocols": modules.protocols_page(), "plugin": modules.plugin_page()}
    pages |= {name: modules.module_page(name) for name in ("datasets", "ops", "plot", "testing")}
    pages |= {"h": kit.h_page(), "kit-members": kit.kit_members_page(), "hooks": kit.hooks_page()}
    texts = {f"{name}.md": "\n\n".join(filter(None, [NOTE, *page])) + "\n" for name, page in pages.items()}
    return texts | {path: plot.figure.svg() for path, plot in plots.items()}


def write() -> None:
    """Write every file, and delete those that nothing makes any more."""
    fresh = files(engines.seen())
    for path in [path for pattern in ("*.md", "**/*.svg") for path in FOLDER.glob(pattern)]:
        if path.relative_to(FOLDER).as_posix() not in fresh:
            path.unlink()
    for name, text in fresh.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8", newline="\n")
