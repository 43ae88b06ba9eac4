"""The Python form of a model: a source file that needs NumPy alone."""
