"""bpframe's metrics, one a file: one name, one formula."""
