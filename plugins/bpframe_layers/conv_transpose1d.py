"""Transposed convolution over one axis, such as time: from few cells to many.

Shapes: x (B, T, C), weight w (k, F, C), bias b (F,), u and delta (B, O, F), v (B, O, m); F is filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from bpframe_layers.transposed_convolution import TransposedConvolution


@final
@dataclass(frozen=True)
class ConvTranspose1d(TransposedConvolution):
    """u[stride p + dilation k - padding] += x[p] w[k]^T, then + b, v = phi(u): dx of a convolution, as a layer.

    delta = dv phi'(v); dx is the convolution of delta with w, dw its slope in w, db the sum of delta. Of n cells there
    become (n - 1) stride + reach - padding + output_padding, reach = (k - 1) dilation + 1; with padding="same" n stride
    (Keras). `padding` cuts cells off: "valid" none, a number for all ends, or a pair (before, after) for each axis.
    `output_padding`, below stride, keeps cells at the end that no window reaches (PyTorch). A kernel that the stride
    does not divide overlaps itself unevenly: a checkerboard. The weight lies as in Keras, (*K, filters, channels);
    PyTorch's is (channels, filters, *K).
    Source: Dumoulin and Visin (2016), A guide to convolution arithmetic for deep learning, arXiv:1603.07285, section 4.
    """

    AXES: ClassVar[int] = 1
    NAME: ClassVar[str] = "conv_transpose1d"
