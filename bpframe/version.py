"""Version of bpframe; a test compares it with the installed metadata."""

VERSION = "0.1.0"
