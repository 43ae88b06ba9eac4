"""The command: python -m tools.reference"""

from __future__ import annotations

from tools.reference.pages import write

write()
