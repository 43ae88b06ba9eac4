"""Safe text: what errors and objects of others say, for messages; where their own methods fail, their class."""

from __future__ import annotations

from contextlib import suppress


def error_text(error: BaseException) -> str:
    """ "ValueError: what it says"; the class alone where it says nothing, or its `__str__` fails."""
    name = type(error).__name__
    try:
        said = str(error)
    except Exception:
        return f"{name} (whose own text cannot be made)"
    return f"{name}: {said}"


def object_text(thing: object) -> str:
    """The repr of an object; its class where that fails."""
    try:
        return repr(thing)
    except Exception:
        return f"<{type(thing).__module__}.{type(thing).__qualname__}, whose repr fails>"


def add_note(error: BaseException, note: str) -> BaseException:
    """The error with a note (PEP 678), once; without where its class takes none."""
    with suppress(Exception):
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
    return error
