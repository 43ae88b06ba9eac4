"""bpframe's activations, one a file: v = phi(u) and phi'(u) from the value v."""
