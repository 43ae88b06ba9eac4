"""Traces the NumPy calls of a training step once and replays them as a generated program.

tracer (record calls as a graph) -> recording (arguments, graph, outputs) -> buffer_assignment -> codegen (program)
-> program_cache (bind, look up, drop); traced_step says which functions of a step are traced.
"""
