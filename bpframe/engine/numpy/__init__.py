"""The eager engine: training steps as NumPy calls."""
