"""Headless Chromium, driven over a pipe by the DevTools protocol: pages, keys, the mouse, what the console says.

Source: https://chromedevtools.github.io/devtools-protocol
"""

from __future__ import annotations

import base64
import functools
import itertools
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.executables import executable, npm_packages

PACKAGES = Path(__file__).parent / "browser"  # package.json and its lock
START = """
import fcntl, os, sys
read, write, *command = sys.argv[1:]
pipes = [fcntl.fcntl(int(pipe), fcntl.F_DUPFD, 10) for pipe in (read, write)]  # since either may be 3 or 4
for pipe, number in zip(pipes, (3, 4)):
    os.dup2(pipe, number)
os.execv(command[0], command)
"""
KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35, "PageUp": 33, "PageDown": 34, "Escape": 27, "Tab": 9}


@functools.cache
def axe_core() -> str:
    """The source of axe-core, as `npm ci` installs it from the lock, once."""
    with tempfile.TemporaryDirectory() as folder:
        packages = npm_packages(Path(folder), PACKAGES)
        return (packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A browser with a profile of its own, which ends with the block."""
    to_browser, from_browser = os.pipe(), os.pipe()
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--hide-scrollbars"]
    command = [executable("chromium"), *options, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(to_browser[0]), str(from_browser[1]), *command],
        pass_fds=(to_browser[0], from_browser[1]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser[0])
    os.close(from_browser[1])
    browser = Browser(to_browser[1], from_browser[0])
    try:
        yield browser
        browser.send("Browser.close")
    finally:
        for descriptor in (to_browser[1], from_browser[0]):
            os.close(descriptor)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Browser:
    """The commands of the protocol; `events` are those that have come."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._rest = write, read, b""
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    def send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """The result of a command; AssertionError for one that fails."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self._write, content) :]
        while True:
            answer = self._message()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _message(self, seconds: float = 60) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], seconds)
            assert ready, "the browser does not answer"
            part = os.read(self._read, 1 << 20)
            assert part, "the browser has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def page(self, width: int = 1280, height: int = 900, dark: bool = False, scale: float = 1) -> Page:
        """An empty page of this size, in light or dark."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.send(f"{domain}.enable")
        page.resize(width, height, scale)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        page.send("Emulation.setEmulatedMedia", features=scheme)
        return page


class Page:
    """A page of the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser, self._session = browser, session

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command to this page."""
        return self.browser.send(method, self._session, **parameters)

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        """Another size of the window."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def offline(self) -> None:
        """No network from here on."""
        nothing = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        self.send("Network.emulateNetworkConditions", offline=True, **nothing)

    def open(self, address: str) -> None:
        """Go there, and wait until it is loaded and two frames are drawn."""
        self.send("Page.navigate", url=address)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")
        self.frame()

    def frame(self) -> None:
        """Two frames are drawn."""
        self.value("new Promise(f => requestAnimationFrame(() => requestAnimationFrame(() => f(true))))")

    def wait_for(self, expression: str, seconds: float = 30) -> None:
        """Until an expression is true."""
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, f"never: {expression}"
            time.sleep(0.02)

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript gives."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def key(self, name: str, modifiers: int = 0) -> None:
        """A key, pressed and released."""
        code = {"windowsVirtualKeyCode": KEYS.get(name, ord(name[0])), "modifiers": modifiers}
        text = {"text": name} if len(name) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=name, **text, **code)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=name, **code)
        self.frame()

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """The mouse: mouseMoved, mousePressed, mouseReleased."""
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def drag(self, start: tuple[float, float], end: tuple[float, float], modifiers: int = 0) -> None:
        """Press at one place, move to another in steps, release."""
        button = {"button": "left", "buttons": 1, "clickCount": 1, "modifiers": modifiers}
        self.mouse("mouseMoved", *start, modifiers=modifiers)
        self.mouse("mousePressed", *start, **button)
        for k in range(1, 6):
            place = [a + (b - a) * k / 5 for a, b in zip(start, end, strict=True)]
            self.mouse("mouseMoved", *place, **button)
        self.mouse("mouseReleased", *end, **button)
        self.frame()

    def screenshot(self, file: Path, whole: bool = True) -> None:
        """A picture of the page."""
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(shot["data"]))

    def violations(self, *impacts: str) -> list[tuple[str, str]]:
        """(rule, first element) of what axe-core finds of these impacts: "serious", "critical", ..."""
        self.value(axe_core() + "; 0")
        found: list[dict[str, Any]] = self.value("axe.run().then(result => result.violations)")
        return [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in impacts]

    def complaints(self) -> list[str]:
        """What the console has said of errors and warnings, and what was thrown."""
        self.frame()
        found = []
        for event in self.browser.events:
            if event.get("sessionId") != self._session:
                continue
            given = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(given["exceptionDetails"]))
            if event["method"] == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
                found.append(given["entry"]["text"])
            if event["method"] == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning", "assert"):
                found.append(str(given["args"]))
        return found
