"""Writes attention.npz: outputs and slopes of PyTorch's attention and encoder layer.

usage: python tests/golden/make_attention.py
needs: torch 2.13

Arrays of each case, as bpframe has them: CASE/x, CASE/dy, CASE/y, CASE/dx, parameters CASE/PATH and their slopes
CASE/d/PATH.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

HOME = Path(__file__).with_name("attention.npz")
T, N = 5, 6
NAMES = {
    "self_attn.in_proj_weight": "attention/weight",
    "self_attn.in_proj_bias": "attention/bias",
    "self_attn.out_proj.weight": "attention/output/weight",
    "self_attn.out_proj.bias": "attention/output/bias",
    "linear1.weight": "hidden/weight",
    "linear1.bias": "hidden/bias",
    "linear2.weight": "dense/weight",
    "linear2.bias": "dense/bias",
    "norm1.weight": "norm_1/scale",
    "norm1.bias": "norm_1/shift",
    "norm2.weight": "norm_2/scale",
    "norm2.bias": "norm_2/shift",
}
Arrays = dict[str, np.ndarray]


def compared(module: Any, run: Any, names: dict[str, str]) -> Arrays:
    """y and slopes of a module with drawn parameters."""
    module = module.double()
    for p in module.parameters():
        torch.nn.init.normal_(p, std=0.5)
    x = torch.randn(2, T, N, dtype=torch.float64, requires_grad=True)
    y = run(module, x)
    dy = torch.randn_like(y)
    own = dict(module.named_parameters())
    slopes = torch.autograd.grad(y, (x, *own.values()), dy)
    found = {"x": x.detach(), "dy": dy, "y": y.detach(), "dx": slopes[0]}
    for name, slope in zip(own, slopes[1:], strict=True):
        found |= {names[name]: own[name].detach().t(), f"d/{names[name]}": slope.t()}
    return {name: value.numpy() for name, value in found.items()}


def main() -> None:
    """Write the file."""
    torch.manual_seed(5)
    causal = torch.triu(torch.full((T, T), -torch.inf, dtype=torch.float64), 1)
    alone = {name.removeprefix("self_attn."): own.removeprefix("attention/") for name, own in NAMES.items()}
    cases = {
        "attention": compared(torch.nn.MultiheadAttention(N, 2, batch_first=True), lambda m, x: m(x, x, x)[0], alone),
        "causal": compared(
            torch.nn.MultiheadAttention(N, 3, batch_first=True), lambda m, x: m(x, x, x, attn_mask=causal)[0], alone
        ),
        "block": compared(
            torch.nn.TransformerEncoderLayer(N, 2, 7, 0.0, torch.nn.functional.gelu, batch_first=True, norm_first=True),
            lambda m, x: m(x, src_mask=causal),
            NAMES,
        ),
    }
    np.savez_compressed(HOME, **{f"{case}/{name}": a for case, found in cases.items() for name, a in found.items()})


if __name__ == "__main__":
    main()
