"""bpframe's sources, one a file: readers of tables and arrays, each of one format."""
