"""The laws of each kind of component, one file a kind, and of optional capabilities."""
