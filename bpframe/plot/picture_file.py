"""The file of a picture: the figure of some axes as bytes, the same for the same picture."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpframe.errors import ConfigError
from bpframe.plot.canvas import pyplot

if TYPE_CHECKING:
    from bpframe.plot.canvas import Axes

FORMATS = (".png", ".svg", ".pdf")
WITHOUT_TIME: Mapping[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
SETTINGS = {"svg.fonttype": "path", "svg.hashsalt": "bpframe"}  # no font is asked for, and names are not random


def refuse_other_format(path: Path) -> None:
    """ConfigError for a path that does not end as a picture's."""
    if path.suffix not in FORMATS:
        raise ConfigError(f"A picture needs a file of the kind {', '.join(FORMATS)}, got '{path}'.")


def picture_bytes(ax: Axes, suffix: str = ".png", dpi: float | None = None) -> bytes:
    """The content of a file of that suffix with the figure that holds the axes; `dpi`: pixels of an inch."""
    content, plt = io.BytesIO(), pyplot()
    figure: Any = ax.figure
    with plt.rc_context(SETTINGS):
        figure.savefig(content, format=suffix[1:], metadata=WITHOUT_TIME.get(suffix), dpi=dpi or "figure")
    plt.close(figure)
    return content.getvalue()
