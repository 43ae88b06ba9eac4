"""bpframe's augmentations, one a file: what changes the rows of a batch in training."""
