"""A live picture of a network: a window, or the output of a notebook's cell, that is drawn anew while it trains."""

from __future__ import annotations

import sys
from typing import Any, final

from bpframe.plot.canvas import canvas, pyplot
from bpframe.plot.network_artists import NetworkArtists
from bpframe.plot.network_maps import NetworkMaps
from bpframe.plot.network_picture import picture_size
from bpframe.plot.theme import ThemeName


@final
class LivePicture:
    """One figure; `show` draws the first picture on it, and each next one in its place."""

    def __init__(self, theme: ThemeName | None = None) -> None:
        self._theme = theme
        self._artists: NetworkArtists | None = None
        self._handle: Any = None

    def show(self, maps: NetworkMaps) -> None:
        """Draw these maps, and let the window have its events."""
        first = self._artists is None
        if self._artists is None:
            with canvas(None, self._theme, picture_size(maps)) as (ax, chosen):
                self._artists = NetworkArtists(ax, maps, chosen)
                self._artists.settle()
        else:
            self._artists.show(maps)
        if in_notebook():
            self._display(self._artists)
        else:
            if first:
                pyplot().show(block=False)
            self._artists.figure.canvas.draw_idle()
            self._artists.figure.canvas.flush_events()

    def _display(self, artists: NetworkArtists) -> None:
        if self._handle is None:
            pyplot().close(artists.figure)  # so that the end of the cell shows no second one
            self._handle = sys.modules["IPython.display"].display(artists.figure, display_id=True)
        else:
            self._handle.update(artists.figure)


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return "IPython.display" in sys.modules and hasattr(shell, "kernel")
