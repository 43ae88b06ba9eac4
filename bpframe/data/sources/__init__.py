"""Sources of rows: files, generators of toy problems, the bundled digits."""
