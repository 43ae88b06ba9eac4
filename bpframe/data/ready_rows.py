"""Ready rows: rows of a file as engines get them, and their digest, made in a thread while other files are read.

Shapes: x (N, ...) rows.
"""

from __future__ import annotations

import threading
from typing import final

from bpframe.data.digest import array_digest
from bpframe.types import HostArray


@final
class ReadyRows:
    """Checked rows x (N, ...) in the dtype of a run, C-contiguous, read-only: what is known of them stays true.

    Their digest is begun at once, beside what follows: hashlib lets go of the interpreter's lock.
    """

    def __init__(self, x: HostArray) -> None:
        self.x = x.view()
        self.x.flags.writeable = False
        self._digest: str | None = None
        self._thread = threading.Thread(target=self._make_digest, daemon=True, name="bpframe digest")
        self._thread.start()

    def digest_of(self, x: HostArray) -> str | None:
        """The digest, once it is made, if x is the array of these rows; None if it is another."""
        if x is not self.x:
            return None
        self._thread.join()
        return self._digest

    def _make_digest(self) -> None:
        self._digest = array_digest(self.x)

    def __reduce__(self) -> tuple[type[ReadyRows], tuple[HostArray]]:
        return ReadyRows, (self.x,)  # threads are of one process
