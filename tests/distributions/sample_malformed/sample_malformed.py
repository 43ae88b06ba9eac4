"""A module of which no entry point names a class."""

NUMBER = 7
