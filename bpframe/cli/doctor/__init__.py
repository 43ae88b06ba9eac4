"""The doctor of plugins: what is wrong with the installed distributions, before a training finds it."""
