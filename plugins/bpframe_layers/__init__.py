"""bpframe's layers, one a file."""
