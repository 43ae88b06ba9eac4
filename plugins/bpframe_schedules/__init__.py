"""bpframe's schedules, one a file: the value of a setting as a function of the number of updates made."""
