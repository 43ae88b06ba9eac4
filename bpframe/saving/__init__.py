"""Files that are complete or absent: atomic writes, tensor files, model files."""
