"""Ordered classes and times to an event: losses and a metric."""
