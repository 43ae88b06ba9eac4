"""Training runs: their config files, folders, lock files and checkpoints."""
