"""Tools of the repository: they are part of no distribution that users install."""
