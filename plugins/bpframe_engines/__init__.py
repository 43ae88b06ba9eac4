"""bpframe's reference engine: plain loops over arrays of array-api-strict, to read and to compare with."""
