"""Saving to files: atomic writes, tensor files, model files, and checks of untrusted ones."""
