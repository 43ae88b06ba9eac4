"""The lock file of a run: which code every component came from, and what differs now."""
