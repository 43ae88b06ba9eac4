"""Optimizers that precondition whole matrices: Shampoo, SOAP and PSGD Kron."""
