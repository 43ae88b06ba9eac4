"""Loops: a graph of fixed shapes as loops over numbers, for languages without arrays of their own.

indices (where an element lies), dialect (how a language says it) -> statements (elementwise nodes in one loop) ->
node_loops (any other node), control_loops (loops and choices, with such statements inside).
"""
