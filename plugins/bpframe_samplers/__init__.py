"""bpframe's samplers, one a file: which rows an epoch visits, and in which order."""
