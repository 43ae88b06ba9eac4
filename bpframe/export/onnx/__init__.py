"""The ONNX form of a model: node_emitter (nodes by name) -> formulas, operations (what each primitive becomes) ->
lowering (a graph) -> exporter (the file).
"""
