"""Names that would do harm where a file's names are believed."""

from __future__ import annotations

ESCAPE = "\x1b]0;owned\x07\x1b[2J"  # renames and clears a terminal
NAMES = [
    *(
        "os:system",
        "os.system",
        "bpframe.saving.tensor_file:write_tensors",
        "__import__('os').system('id')",
        "{0.__class__}",
        "%n%s",
    ),
    *(
        "../../etc/passwd",
        "/etc/passwd",
        "~/.ssh/id_ed25519",
        "a\0b",
        "..",
        "",
        ESCAPE,
        "\ud800",
        "\u202egnp.exe",
        "x" * 10**5,
    ),
    *("__class__", "__proto__", "file:///etc/passwd", "http://127.0.0.1:9/x", "C:\\Windows\\win.ini", "$(id)", "`id`"),
]
