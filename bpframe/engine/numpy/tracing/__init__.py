"""Training steps traced once and replayed as generated NumPy code."""
