"""Truths that C and JavaScript say alike: comparisons, choices, and NumPy's meaning of what differs in both.

a and b are operands, each read as often as it is written: variables and elements, never calls.
"""

from __future__ import annotations

SHARED = {
    "add": "({0} + {1})",
    "subtract": "({0} - {1})",
    "multiply": "({0} * {1})",
    "divide": "({0} / {1})",
    "negative": "(-{0})",
    "greater": "({0} > {1})",
    "greater_equal": "({0} >= {1})",
    "less": "({0} < {1})",
    "less_equal": "({0} <= {1})",
    "logical_and": "({0} && {1})",
    "logical_or": "({0} || {1})",
    "logical_not": "(!{0})",
    "logical_xor": "(!{0} != !{1})",
    "where": "({0} ? {1} : {2})",
    "maximum": "({0} > {1} || {0} != {0} ? {0} : {1})",
    "minimum": "({0} < {1} || {0} != {0} ? {0} : {1})",
    "sign": "({0} > 0 ? 1 : {0} < 0 ? -1 : {0})",
    "bitwise_and": "({0} & {1})",
    "bitwise_or": "({0} | {1})",
    "bitwise_xor": "({0} ^ {1})",
    "left_shift": "({0} << {1})",
    "invert": "(~{0})",
}
