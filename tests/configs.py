"""The text of a small config, for the tests that read one or train by one."""

from __future__ import annotations


def config_text(
    tables: str, data: str = "", *, loss: str = '"softmax_cross_entropy"', source: str = "moons", outputs: int = 2
) -> str:
    """Two dense layers on 60 points of a source, with further settings of the data and further tables."""
    return f"""\
loss = {loss}
[data]
source = {{ name = "{source}", points = 60 }}
{data}[[model.layers]]
name = "dense"
units = 4
activation = "tanh"
[[model.layers]]
name = "dense"
units = {outputs}
{tables}"""
