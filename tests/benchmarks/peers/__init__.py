"""The libraries compared: a file for each, whose `prepare(net)` gives a Run of its own training loop."""
