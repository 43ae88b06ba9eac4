"""The example that trains in a browser: onnxruntime-web in headless Chromium, with the loss of plugins/example."""

from __future__ import annotations

import functools
import html
import json
import re
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import EXAMPLE, fresh_python
from tests.executables import executable, npm_packages

SCRIPT = EXAMPLE.parents[1] / "tools" / "browser_example.py"
PACKAGES = Path(__file__).parent / "browser"  # package.json and its lock
FIT = """
import json, sys
sys.path.insert(0, {page!r})
import browser_example as make
x, target = make.digits()
history = make.trainer().fit(x, target, epochs=make.EPOCHS, batch_size=make.BATCH, shuffle=False, verbose=0)
print(json.dumps([float(loss) for loss in history.train["loss"]]))
"""


class Quiet(SimpleHTTPRequestHandler):
    """python -m http.server without a log."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A folder with the page, what it needs, and onnxruntime-web as `npm ci` installs it from the lock."""
    executable("chromium")
    folder = tmp_path_factory.mktemp("page")
    made = fresh_python([SCRIPT, folder], folder, EXAMPLE)
    assert made.returncode == 0, made.stderr
    packages = npm_packages(folder, PACKAGES)
    (folder / "ort").symlink_to(packages / "onnxruntime-web" / "dist", target_is_directory=True)
    return folder


def shown(folder: Path) -> dict:
    """What the page has written once it is done."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=200000", "--dump-dom"]
        address = f"http://127.0.0.1:{server.server_port}/index.html"
        command = [executable("chromium"), *options, f"--user-data-dir={folder / 'profile'}", address]
        made = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
        server.shutdown()
    found = re.search(r'<pre id="result">(.+?)</pre>', made.stdout, re.DOTALL)
    assert found, made.stdout[-2000:]
    return json.loads(html.unescape(found[1]))


def test_a_browser_trains_with_a_foreign_loss_as_numpy_does_and_predicts_what_is_drawn(page):
    result = shown(page)
    losses = np.array(result["losses"])
    assert (np.diff(losses) < 0).all()
    assert losses[-1] < losses[0] / 3
    made = fresh_python(["-c", FIT.format(page=str(SCRIPT.parent))], page, EXAMPLE)
    assert made.returncode == 0, made.stderr
    assert np.abs(losses - json.loads(made.stdout)).max() < 1e-4
    assert result["right"] > 80
    assert result["ring"] == 0


def test_the_files_of_the_page_are_made_from_the_loss_of_the_example_plugin(tmp_path):
    made = fresh_python([SCRIPT, tmp_path], tmp_path, EXAMPLE)
    assert made.returncode == 0, made.stderr
    assert {file.name for file in tmp_path.iterdir()} == {"data.json", "index.html", "model.onnx", "step.onnx"}
