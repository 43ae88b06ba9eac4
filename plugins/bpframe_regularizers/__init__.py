"""bpframe's regularizers, one a file: penalties on weights."""
