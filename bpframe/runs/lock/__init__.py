"""The lock file of a run: the code of every component, library versions, machine; and comparison with the present."""
