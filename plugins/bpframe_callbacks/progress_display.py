"""Where progress is displayed: a line that is rewritten, in a terminal or a notebook cell, or plain lines.

Progress is a convenience, so nothing here raises: a display that cannot be written to (a closed pipe, a full disk, no
stream at all) stays silent from then on.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Protocol, TextIO, final

FALLBACK_WIDTH = 80  # columns of a terminal that does not say how wide it is
BARS = ("━─", "=-")  # done and to come; the second where the encoding lacks the first


class History(Protocol):
    """What is used of the history of a fit."""

    def __len__(self) -> int:
        """How many epochs it has."""

    def svg(self) -> str:
        """Its curves as a drawing."""


class Display(Protocol):
    """What shows progress."""

    @property
    def live(self) -> bool:
        """Whether each text takes the place of the one before."""

    @property
    def width(self) -> int:
        """Columns that a line has room for."""

    def show(self, text: str, fraction: float, history: History) -> None:
        """Show a text, how much of the whole is done, 0 to 1, and, where there is room for it, the curves so far."""

    def close(self) -> None:
        """Leave what was shown last."""


@final
class Output:
    """A text stream that is written to until that fails once."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write at once, signs that the encoding lacks as "?"."""
        stream: Any = self._stream
        if stream is None:
            return
        try:
            encoding = getattr(stream, "encoding", None) or "utf-8"
            stream.write(text.encode(encoding, "replace").decode(encoding))
            stream.flush()
        except Exception:  # streams of other programs raise what they like
            self._stream = None


@final
class TerminalLine:
    """One line of a terminal, written over itself; no escape sequences, so any terminal will do."""

    live = True

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._output, self._length = stream, Output(stream), 0

    @property
    def width(self) -> int:
        """Columns at present, but for the last, in which some terminals begin the next line."""
        return terminal_width(self._stream) - 1

    def show(self, text: str, fraction: float, history: History) -> None:
        """Write over the line."""
        self._output.write("\r" + text.ljust(min(self._length, self.width)))
        self._length = len(text)

    def close(self) -> None:
        """End the line."""
        if self._length:
            self._output.write("\n")


@final
class NotebookLine:
    """One line below a notebook's cell, with a bar of the browser's own, above the curves of the loss."""

    live = True
    width = 100

    def __init__(self) -> None:
        self._handle: Any = None
        self._broken = False
        self._curves, self._drawn = "", 0  # of so many epochs

    def show(self, text: str, fraction: float, history: History) -> None:
        """Display the line, or update it."""
        from html import escape  # only here: a terminal can do without

        if self._broken:
            return
        if len(history) != self._drawn:
            self._curves, self._drawn = history.svg(), len(history)
        bar = f'<progress max="1" value="{fraction:.4f}"></progress>'
        content = {"text/plain": text, "text/html": f"{bar} <code>{escape(text)}</code><br>{self._curves}"}
        try:
            if self._handle is None:
                self._handle = sys.modules["IPython.display"].display(content, raw=True, display_id=True)
            else:
                self._handle.update(content, raw=True)
        except Exception:  # whatever a front end raises
            self._broken = True

    def close(self) -> None:
        """It stays as it is."""


@final
class PlainLines:
    """Lines one below the other."""

    live = False
    width = FALLBACK_WIDTH

    def __init__(self, stream: TextIO | None) -> None:
        self._output = Output(stream)

    def show(self, text: str, fraction: float, history: History) -> None:
        """Write a line."""
        self._output.write(text + "\n")

    def close(self) -> None:
        """Nothing is left to do."""


def best_display(plain: bool, stream: str) -> Display:
    """A live line in a notebook or on whichever of stdout and stderr is a terminal; else lines on `stream`."""
    if not plain and _in_notebook():
        return NotebookLine()
    terminal = None if plain else next(filter(_is_terminal, (sys.stdout, sys.stderr)), None)
    return TerminalLine(terminal) if terminal is not None else PlainLines(getattr(sys, stream))


def bar_signs(display: Display) -> str:
    """The two signs of a bar; none where the display has a bar of its own."""
    if not isinstance(display, TerminalLine):
        return ""
    return next((signs for signs in BARS if _can_show(display, signs)), BARS[-1])


def terminal_width(stream: TextIO) -> int:
    """Columns of a terminal, as the variable COLUMNS or the terminal itself says."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    try:
        return os.get_terminal_size(stream.fileno()).columns or FALLBACK_WIDTH
    except (OSError, ValueError, AttributeError):  # it has gone, or never was one
        return FALLBACK_WIDTH


def _can_show(display: TerminalLine, signs: str) -> bool:
    try:
        signs.encode(getattr(display._stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    except (OSError, ValueError, AttributeError):  # closed, or no stream at all
        return False


def _in_notebook() -> bool:
    """Whether this is the kernel of a notebook, whose front end can display."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None and "IPython.display" in sys.modules
