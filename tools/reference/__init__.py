"""Writes docs/reference from the registry and the docstrings: python -m tools.reference"""
