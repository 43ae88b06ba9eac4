"""bpframe's constraints, one a file: sets that a parameter is kept in, by projection after each update."""
