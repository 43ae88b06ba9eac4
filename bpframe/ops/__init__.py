"""Array functions (ops) beyond the Array API standard, in its vocabulary.  x and results any shape, alike in dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpframe.lazy_names import lazy_names
from bpframe.ops.barrier import barrier, where_largest
from bpframe.ops.control_flow import scan, when
from bpframe.ops.flat_rows import flat_rows
from bpframe.ops.host import by_columns, namespace, placement
from bpframe.ops.linalg import affine, inner, matmul, matmul_tn, sum_rows
from bpframe.ops.masks import along_rows, any_position, counted_rows, mask_of
from bpframe.ops.plain_settings import is_constant, square_root
from bpframe.ops.special import erf, erfc

if TYPE_CHECKING:
    from bpframe.ops.convolution import convolve, convolve_dw, convolve_dx
    from bpframe.ops.segments import segment_sum
    from bpframe.ops.windows import Windows, pad, spread, window_views, within

product, crossprod = matmul, matmul_tn  # their names in 0.1.0
_HOME = {  # of what is imported when it is first touched
    "Windows": "windows",
    "convolve": "convolution",
    "convolve_dw": "convolution",
    "convolve_dx": "convolution",
    "pad": "windows",
    "segment_sum": "segments",
    "spread": "windows",
    "window_views": "windows",
    "within": "windows",
}

__all__ = [
    "Windows",
    "affine",
    "along_rows",
    "any_position",
    "barrier",
    "by_columns",
    "convolve",
    "convolve_dw",
    "convolve_dx",
    "counted_rows",
    "crossprod",
    "erf",
    "erfc",
    "flat_rows",
    "inner",
    "is_constant",
    "mask_of",
    "matmul",
    "matmul_tn",
    "namespace",
    "pad",
    "placement",
    "product",
    "scan",
    "segment_sum",
    "spread",
    "square_root",
    "sum_rows",
    "when",
    "where_largest",
    "window_views",
    "within",
]


if not TYPE_CHECKING:  # type checkers know the names from above, and refuse others
    __getattr__ = lazy_names(__name__, globals(), _HOME, __name__)
