"""bpframe's callbacks, one a file: objects with lifecycle hooks."""
