"""The themes of plots: light and dark, with colours that people with any colour vision tell apart, in print too.

Each colour of a palette stands out from its background by a contrast of 3 at least (WCAG 2.2, 1.4.11), and any two of
one differ for people without red, green or blue cones (Machado, Oliveira and Fernandes, 2009). What has to be told
apart in grey differs in dashes or markers, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

from bpframe.errors import ConfigError

ThemeName = Literal["light", "dark"]


@final
@dataclass(frozen=True)
class Theme:
    """Colours: of the background, of what is written and drawn, of lines behind it, and of series in order.

    `shares`, `sequential` and `diverging` name colour maps of matplotlib: from the background up, from dark to bright,
    and to both sides of a middle.
    """

    background: str
    ink: str
    faint: str
    palette: Sequence[str]
    shares: str
    sequential: str = "cividis"
    diverging: str = "RdBu_r"

    def colour(self, number: int) -> str:
        """The colour of a series; they repeat."""
        return self.palette[number % len(self.palette)]

    def settings(self) -> dict[str, Any]:
        """The settings of matplotlib (rcParams) for new axes."""
        written = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color", "axes.titlecolor")
        behind = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), self.background)
        return {
            **dict.fromkeys(written, self.ink),
            **behind,
            "axes.edgecolor": self.faint,
            "grid.color": self.faint,
            "axes.grid": True,
            "axes.grid.which": "major",
            "grid.linewidth": 0.6,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titlesize": "medium",
            "legend.frameon": False,
            "legend.fontsize": "small",
            "lines.linewidth": 1.6,
            "figure.dpi": 110,
        }


THEMES = {
    "light": Theme(
        "#ffffff",
        "#1a1a1a",
        "#d4d4d4",
        ("#0072b2", "#ee3377", "#997700", "#332288", "#000000", "#882255"),
        "Blues",
    ),
    "dark": Theme(
        "#14181f",
        "#e6e6e6",
        "#3a424e",
        ("#56b4e9", "#d55e00", "#ddcc77", "#ee99aa", "#8c8cff", "#ffffff"),
        "cividis",
    ),
}
DASHES = ("-", "--", "-.", ":")  # of lines that share a colour, or that outnumber the palette
MARKERS = "osD^vP*X"


def named_theme(name: str) -> Theme:
    """The theme of that name; ConfigError for any other."""
    if name not in THEMES:
        raise ConfigError(f"A plot needs a theme of {' or '.join(THEMES)}, got {name!r}.")
    return THEMES[name]


def luminance(red: float, green: float, blue: float) -> float:
    """The relative luminance of an sRGB colour, parts in 0 .. 1; 0 is black, 1 is white.  Source: WCAG 2.2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def readable_on(red: float, green: float, blue: float) -> str:
    """Black or white, whichever stands out more from the colour."""
    return "#000000" if luminance(red, green, blue) > 0.179 else "#ffffff"
