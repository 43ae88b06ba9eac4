"""Executables of other languages that tests run: the one place that says what happens where one is missing.

`.ci/run` installs them where it may. Without one a test skips; where the variable CI is set, it fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

OTHER_NAMES = {  # of the same program, elsewhere
    "chromium": (
        "chromium-browser",
        "google-chrome",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    )
}


def executable(name: str) -> str:
    """The path of an installed program, or `unavailable`."""
    path = next(filter(None, map(shutil.which, (name, *OTHER_NAMES.get(name, ())))), None)
    return path or unavailable(f"{name} is not installed, which this test runs. Install it, as .ci/run does.")


def npm_packages(folder: Path, lock: Path) -> Path:
    """The packages that `npm ci` installs in a folder from the lock that lies in another, or `unavailable`."""
    for file in lock.glob("package*.json"):
        shutil.copy(file, folder)
    command = [executable("npm"), "ci", "--ignore-scripts", "--silent"]
    try:
        subprocess.run(command, cwd=folder, check=True, timeout=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        unavailable(f"npm installs nothing here of what this test runs: {error}")
    return folder / "node_modules"


def unavailable(why: str) -> NoReturn:
    """Skip the test, and say why; fail it where CI is set."""
    pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
