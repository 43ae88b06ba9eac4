"""Array functions (ops) beyond the Array API standard, in its vocabulary.  x and results any shape, alike in dtype."""

from __future__ import annotations

from bpframe.ops.flat_rows import flat_rows
from bpframe.ops.host import by_columns, namespace, placement
from bpframe.ops.linalg import inner, matmul, matmul_tn, sum_rows
from bpframe.ops.masks import along_rows, any_position, counted_rows, mask_of
from bpframe.ops.special import erf, erfc

product, crossprod = matmul, matmul_tn  # their names in 0.1.0

__all__ = [
    "along_rows",
    "any_position",
    "by_columns",
    "counted_rows",
    "crossprod",
    "erf",
    "erfc",
    "flat_rows",
    "inner",
    "mask_of",
    "matmul",
    "matmul_tn",
    "namespace",
    "placement",
    "product",
    "sum_rows",
]
