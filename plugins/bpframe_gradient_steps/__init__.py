"""bpframe's gradient steps, one a file: what happens to a gradient before the update rule sees it."""
