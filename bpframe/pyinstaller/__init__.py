"""What PyInstaller asks bpframe: where the hook is that takes components along into a frozen program."""

from __future__ import annotations

from pathlib import Path


def hook_folders() -> list[str]:
    """The folder of hook-bpframe.py, for PyInstaller's entry point `pyinstaller40`."""
    return [str(Path(__file__).parent)]
