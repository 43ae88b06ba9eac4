"""bpframe's losses, one a file: a value per row and its slope in the scores."""
