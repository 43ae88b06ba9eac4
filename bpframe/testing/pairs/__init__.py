"""Pairs of components that stand beside each other in a training, compared with a training by its definition."""
