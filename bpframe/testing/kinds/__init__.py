"""The laws of each kind of component."""
