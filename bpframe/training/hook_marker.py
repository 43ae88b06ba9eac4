"""The hook marker: `@hookimpl` marks a method of a callback as the hook of its name."""

from __future__ import annotations

import pluggy

hookimpl = pluggy.HookimplMarker("bpframe")
