"""Optimizers that precondition whole matrices: Shampoo and SOAP."""
