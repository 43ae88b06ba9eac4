"""Array functions (ops) beyond the Array API standard, in its vocabulary.  x and results any shape, alike in dtype."""

from __future__ import annotations

from bpframe.ops.host import by_columns, namespace, placement
from bpframe.ops.linalg import inner, matmul, matmul_tn, sum_rows
from bpframe.ops.masks import along_rows, counted_rows
from bpframe.ops.plain_settings import is_constant, square_root
from bpframe.ops.special import erf, erfc

product, crossprod = matmul, matmul_tn  # their names in 0.1.0

__all__ = [
    "along_rows",
    "by_columns",
    "counted_rows",
    "crossprod",
    "erf",
    "erfc",
    "inner",
    "is_constant",
    "matmul",
    "matmul_tn",
    "namespace",
    "placement",
    "product",
    "square_root",
    "sum_rows",
]
