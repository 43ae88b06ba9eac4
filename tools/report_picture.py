"""Make docs/pictures/report.png: the page of the report that docs/how-to/report-a-run.md makes, in a browser.

python -m tools.report_picture   # needs chromium
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PAGE, PICTURE = DOCS / "how-to" / "report-a-run.md", DOCS / "pictures" / "report.png"
COMMAND = re.compile(r"^\$ bpframe ((?:train|report runs -o) .*)$", re.MULTILINE)
SIZE = "1200,1080"


def main() -> None:
    """Run the commands of the document, and take a picture of what they leave."""
    text = PAGE.read_text(encoding="utf-8")
    config = re.search(r"```toml file=(\S+)\n(.*?)```", text, re.DOTALL)
    assert config
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / config[1]).write_text(config[2], encoding="utf-8")
        for words in COMMAND.findall(text):
            subprocess.run([sys.executable, "-m", "bpframe", *shlex.split(words)], cwd=folder, check=True)
        page = (Path(folder) / "moons.html").as_uri()
        options = ["--headless=new", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
        taken = [f"--window-size={SIZE}", f"--screenshot={folder}/report.png", "--virtual-time-budget=3000"]
        subprocess.run(["chromium", *options, *taken, page], check=True, capture_output=True, timeout=120)
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_bytes((Path(folder) / "report.png").read_bytes())


if __name__ == "__main__":
    main()
