"""bpframe's initializers, one a file: how a parameter starts."""
